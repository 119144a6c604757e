package sip

import (
	"slices"
	"strings"
	"testing"

	"trunkline/sip/digest"
)

// TestWhoCallsWhom reads the numbers of calls as carriers write them.
func TestWhoCallsWhom(t *testing.T) {
	account := digest.Credentials{User: "acct1", Password: "wonderland"}

	for name, c := range map[string]struct {
		trunk          func(*Trunk)
		request        string // the Request-URI
		from, to       string
		lines          string
		caller, called string
	}{
		"plain": {
			request: "sip:+15550100100@10.0.0.1", from: "<sip:+12025550123@10.0.0.9>", to: "<sip:+15550100100@10.0.0.1>",
			caller: "+12025550123", called: "+15550100100",
		},
		"forwarded: To is whom the caller dialed": {
			request: "sip:+15550100100@10.0.0.1", from: "<sip:+12025550123@10.0.0.9>", to: "<sip:+15550100777@carrier.example>",
			caller: "+12025550123", called: "+15550100100",
		},
		"registered: the Request-URI is what was registered": {
			trunk:   func(t *Trunk) { t.Account, t.Register = account, &Registration{Registrar: "sip:10.0.0.9"} },
			request: "sip:acct1@10.0.0.1", from: "<sip:+12025550123@10.0.0.9>", to: "<sip:+15550100100@10.0.0.1>",
			caller: "+12025550123", called: "+15550100100",
		},
		"registered in bulk": {
			trunk:   func(t *Trunk) { t.Account, t.Register = account, &Registration{Registrar: "sip:10.0.0.9", Bulk: true} },
			request: "sip:+15550100100@10.0.0.1", from: "<sip:+12025550123@10.0.0.9>", to: "<sip:+15550100777@10.0.0.1>",
			caller: "+12025550123", called: "+15550100100",
		},
		"escaped": {
			request: "sip:%2B15550100100@10.0.0.1", from: "<sip:%2b1202%35550123@10.0.0.9>", to: "<sip:x@10.0.0.1>",
			caller: "+12025550123", called: "+15550100100",
		},
		"an escape that hides a line's end stays": {
			request: "sip:a%0d%0ab@10.0.0.1", from: "<sip:%zz@10.0.0.9>", to: "<sip:x@10.0.0.1>",
			caller: "%zz", called: "a%0d%0ab",
		},
		"routing databases' parameters, and a password": {
			request: "sip:+15550100100;npdi;rn=+15550100999@10.0.0.1;user=phone", from: "<sip:+12025550123;cpc=payphone@10.0.0.9>", to: "<sip:x:y@10.0.0.1>",
			caller: "+12025550123", called: "+15550100100",
		},
		"signs that please the eye": {
			request: "sip:+1-555-010-0100@10.0.0.1", from: "<sip:+1(202)555.0123@10.0.0.9>", to: "<sip:x@10.0.0.1>",
			caller: "+12025550123", called: "+15550100100",
		},
		"tel": {
			request: "tel:+1-555-010-0100;phone-context=x", from: "<tel:+12025550123>", to: "<tel:+15550100100>",
			caller: "+12025550123", called: "+15550100100",
		},
		"no user in the Request-URI": {
			request: "sip:10.0.0.1", from: "<sip:+12025550123@10.0.0.9>", to: "<sip:+15550100100@10.0.0.1>",
			caller: "+12025550123", called: "+15550100100",
		},
		"an account calls, the network knows the number": {
			trunk:   func(t *Trunk) { t.Trusted = true },
			request: "sip:100@10.0.0.1", from: "<sip:acct7@10.0.0.9>", to: "<sip:100@10.0.0.1>",
			lines:  "\nP-Asserted-Identity: \"Ann\" <sip:+12025550123@carrier.example;user=phone>",
			caller: "+12025550123", called: "100",
		},
		"older equipment": {
			trunk:   func(t *Trunk) { t.Trusted = true },
			request: "sip:100@10.0.0.1", from: "<sip:acct7@10.0.0.9>", to: "<sip:100@10.0.0.1>",
			lines:  "\nRemote-Party-ID: <sip:100@10.0.0.1>;party=called\nRemote-Party-ID: <sip:+12025550123@10.0.0.9>;party=calling;screen=yes",
			caller: "+12025550123", called: "100",
		},
		"a stranger's word": {
			request: "sip:100@10.0.0.1", from: "<sip:acct7@10.0.0.9>", to: "<sip:100@10.0.0.1>",
			lines:  "\nP-Asserted-Identity: <sip:+12025550123@carrier.example>",
			caller: "acct7", called: "100",
		},
		"withheld": {
			trunk:   func(t *Trunk) { t.Trusted = true },
			request: "sip:100@10.0.0.1", from: "\"Anonymous\" <sip:anonymous@anonymous.invalid>", to: "<sip:100@10.0.0.1>",
			lines:  "\nP-Asserted-Identity: <tel:+12025550123>\nPrivacy: id;critical",
			caller: "anonymous", called: "100",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(cfg *Config) {
				if c.trunk != nil {
					c.trunk(&cfg.Trunks[0])
				}
			}, func(b *bed) {
				s := newScript("who")
				s.extra = c.lines
				text := s.request("INVITE", offerPCMU)
				text = strings.Replace(text, "INVITE sip:agent@10.0.0.1 ", "INVITE "+c.request+" ", 1)
				text = strings.Replace(text, `"Ann Caller" <sip:+12025550123@10.0.0.9>`, c.from, 1)
				text = strings.Replace(text, "To: <sip:agent@10.0.0.1>", "To: "+c.to, 1)
				b.send(text)

				d := b.call()
				if info := d.Info(); info.Caller != c.caller || info.Called != c.called {
					t.Errorf("%q calls %q, want %q and %q", info.Caller, info.Called, c.caller, c.called)
				}

				if !slices.Contains([]string{"", "carrier"}, d.Info().Trunk) {
					t.Errorf("trunk %q", d.Info().Trunk)
				}
			})
		})
	}
}
