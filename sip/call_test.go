package sip

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/digest"
)

// withTargets gives the bed's trunk targets and an account.
func withTargets(change func(*Trunk), uris ...string) func(*Config) {
	return func(c *Config) {
		for i, uri := range uris {
			c.Trunks[0].Targets = append(c.Trunks[0].Targets, Target{URI: uri, Priority: i})
		}

		if change != nil {
			change(&c.Trunks[0])
		}
	}
}

// callFar starts a call on the bed's trunk.
func (b *bed) callFar(ctx context.Context, number string, options CallOptions) chan dialed {
	out := make(chan dialed, 1)

	go func() {
		d, err := b.ua.Call(ctx, "carrier", number, options)
		if err == nil {
			_, err = d.Answered(ctx)
		}

		out <- dialed{d, err}
	}()

	return out
}

func TestCallSaysWhoCalls(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct {
		trunk   func(*Trunk)
		number  string
		options CallOptions
		want    map[string]string // header or "R-URI" to what it contains
		absent  []string
	}{
		"plain": {
			number: "+442079460000", options: CallOptions{CallerID: "+12025550100", Display: "Desk"},
			want:   map[string]string{"R-URI": "sip:+442079460000@10.0.0.9", "From": `"Desk" <sip:+12025550100@10.0.0.1>`, "To": "<sip:+442079460000@10.0.0.9>"},
			absent: []string{"P-Asserted-Identity", "Privacy"},
		},
		"national, account in From, trusted": {
			trunk: func(t *Trunk) {
				t.Trusted = true
				t.Identity = Identity{CallerID: "+442071111111", User: "acct1", Host: "ims.example"}
				t.Numbers = Numbers{Format: NumberNational, Country: "44", Prefix: "0", International: "00"}
			},
			number: "+442079460000",
			want: map[string]string{
				"R-URI": "sip:02079460000@10.0.0.9", "From": "<sip:acct1@ims.example>",
				"P-Asserted-Identity": "<sip:02071111111@ims.example>",
			},
		},
		"withheld": {
			trunk:  func(t *Trunk) { t.Trusted = true; t.Numbers.Format = NumberDigits },
			number: "+12025550199", options: CallOptions{CallerID: "+12025550100", Private: true, Diversion: []string{"<sip:desk@pbx>;reason=no-answer"}},
			want: map[string]string{
				"R-URI": "sip:12025550199@", "From": `"Anonymous" <sip:anonymous@anonymous.invalid>`, "Privacy": "id",
				"P-Asserted-Identity": "<tel:12025550100>", "Diversion": "<sip:desk@pbx>;reason=no-answer",
			},
		},
		"through a proxy": {
			trunk:  func(t *Trunk) { t.Proxy, t.Targets[0].URI = "sip:10.0.0.9", "sip:carrier.example" },
			number: "100",
			want:   map[string]string{"R-URI": "sip:100@carrier.example", "Route": "<sip:10.0.0.9;lr>"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, withTargets(tt.trunk, "sip:10.0.0.9"), func(b *bed) {
				out := b.callFar(ctx, tt.number, tt.options)
				invite := b.method("INVITE")

				for header, want := range tt.want {
					got := headerValue(invite, header)
					if header == "R-URI" {
						got = invite.Recipient.String()
					}

					if !strings.Contains(got, want) {
						t.Errorf("%s: %q, want %q", header, got, want)
					}
				}

				for _, header := range tt.absent {
					if got := headerValue(invite, header); got != "" {
						t.Errorf("%s: %q, want none", header, got)
					}
				}

				b.respond(invite, 486, "t1", "")
				b.method("ACK")

				var status *StatusError
				if got := <-out; !errors.As(got.err, &status) || status.Code != 486 {
					t.Errorf("Call: %v", got.err)
				}
			})
		})
	}
}

// challenge answers a request with a 401 or 407 that s makes.
func (b *bed) challenge(req *sipgo.Request, s *digest.Server, status int, stale bool) {
	b.Helper()

	res := sipgo.NewResponseFromRequest(req, status, "", nil)
	res.To().Params.Remove("tag")
	res.To().Params.Add("tag", "challenge")

	name := map[int]string{401: "WWW-Authenticate", 407: "Proxy-Authenticate"}[status]
	for _, v := range s.Challenges(time.Now(), stale) {
		res.AppendHeader(sipgo.NewHeader(name, v))
	}

	b.send(res.String())

	if req.Method == sipgo.INVITE {
		b.method("ACK")
	}
}

func TestCallProvesItsAccount(t *testing.T) {
	account := digest.Credentials{User: "acct1", Password: "wonderland"}

	inBubble(t, withTargets(func(t *Trunk) { t.Account = account }, "sip:10.0.0.9"), func(b *bed) {
		proxy, carrier := digest.NewServer("proxy", account), digest.NewServer("carrier", account)
		out := b.callFar(ctx, "+12025550199", CallOptions{})

		first := b.method("INVITE")
		b.challenge(first, proxy, 407, false)

		second := b.method("INVITE")
		if second.CallID().Value() != first.CallID().Value() || second.CSeq().SeqNo != first.CSeq().SeqNo+1 ||
			tagOf(second.From().Params) != tagOf(first.From().Params) {
			t.Errorf("the INVITE with proof is not of the same call:\n%s", second)
		}

		if v := proxy.Verify(headerValue(second, "Proxy-Authorization"), "INVITE", time.Now()); v != digest.Proven {
			t.Errorf("the proxy thinks %d of\n%s", v, second)
		}

		b.challenge(second, carrier, 401, false)

		third := b.method("INVITE")
		if v := carrier.Verify(headerValue(third, "Authorization"), "INVITE", time.Now()); v != digest.Proven {
			t.Errorf("the carrier thinks %d of\n%s", v, third)
		}

		if v := proxy.Verify(headerValue(third, "Proxy-Authorization"), "INVITE", time.Now()); v != digest.Proven {
			t.Errorf("the proxy thinks %d of\n%s", v, third)
		}

		b.respond(third, 200, "t1", answerPCMA)

		// The ACK bears the INVITE's proofs (RFC 3261 section 13.2.2.4).
		if ack := b.method("ACK"); ack.CSeq().SeqNo != third.CSeq().SeqNo ||
			headerValue(ack, "Authorization") != headerValue(third, "Authorization") ||
			headerValue(ack, "Proxy-Authorization") != headerValue(third, "Proxy-Authorization") {
			t.Errorf("ACK:\n%s", ack)
		}

		d := (<-out).d
		if d.Info().Trunk != "carrier" {
			t.Errorf("the call's trunk is %q", d.Info().Trunk)
		}

		hung := make(chan error, 1)
		go func() { hung <- d.Hangup(ctx, "done") }()

		bye := b.method("BYE")
		if v := carrier.Verify(headerValue(bye, "Authorization"), "BYE", time.Now()); v != digest.Proven {
			t.Errorf("BYE without proof:\n%s", bye)
		}

		b.challenge(bye, carrier, 401, true)

		again := b.method("BYE")
		if again.CSeq().SeqNo != bye.CSeq().SeqNo+1 {
			t.Errorf("BYE again:\n%s", again)
		}

		b.send(answerOf(again, 200))

		if err := <-hung; err != nil {
			t.Error(err)
		}

		synctest.Wait()

		if len(b.ua.accounts) != 0 {
			t.Errorf("%d accounts are still known", len(b.ua.accounts))
		}
	})
}

func TestCallWithAWrongPassword(t *testing.T) {
	account := digest.Credentials{User: "acct1", Password: "wonderland"}

	inBubble(t, withTargets(func(t *Trunk) { t.Account = account }, "sip:10.0.0.9"), func(b *bed) {
		carrier := digest.NewServer("carrier", account)
		out := b.callFar(ctx, "+12025550199", CallOptions{})

		b.challenge(b.method("INVITE"), carrier, 401, false)
		b.challenge(b.method("INVITE"), carrier, 401, false)

		var status *StatusError
		if got := <-out; !errors.As(got.err, &status) || status.Code != 401 {
			t.Errorf("Call: %v", got.err)
		}

		b.silence(time.Minute)
	})
}

func TestCallGoesElsewhere(t *testing.T) {
	inBubble(t, withTargets(nil, "sip:10.0.0.9", "sip:10.0.0.9:5062"), func(b *bed) {
		backup := b.net.packet("10.0.0.9:5062")
		out := b.callFar(ctx, "+12025550199", CallOptions{})

		b.respond(b.method("INVITE"), 503, "t1", "")
		b.method("ACK")

		b.far = backup
		invite := b.method("INVITE")
		b.respond(invite, 200, "t1", answerPCMA)

		b.method("ACK")

		if got := <-out; got.err != nil {
			t.Fatal(got.err)
		}
	})
}

// TestCallLeavesASilentTarget: after 4 s without a sign of life the next
// target is tried, and the last one is waited for to its end.
func TestCallLeavesASilentTarget(t *testing.T) {
	inBubble(t, withTargets(nil, "sip:10.0.0.9", "sip:10.0.0.9:5062"), func(b *bed) {
		backup := b.net.packet("10.0.0.9:5062")
		began := time.Now()
		out := b.callFar(ctx, "+12025550199", CallOptions{})

		b.far = backup
		invite := b.method("INVITE")

		if waited := time.Since(began); waited != signLimit {
			t.Errorf("the next target was tried after %v", waited)
		}

		b.respond(invite, 100, "", "")
		time.Sleep(time.Minute) // of ringing somewhere
		b.respond(invite, 486, "t1", "")
		b.method("ACK")

		var status *StatusError
		if got := <-out; !errors.As(got.err, &status) || status.Code != 486 {
			t.Errorf("the call ended with %v", got.err)
		}
	})
}

func TestCallThatCannotBe(t *testing.T) {
	inBubble(t, func(c *Config) {
		c.Trunks[0].Targets = []Target{{URI: "sip:10.0.0.9"}}
		c.Trunks[0].MaxCalls = 1
		c.Trunks = append(c.Trunks, Trunk{Name: "inbound", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.1.0/24")}})
	}, func(b *bed) {
		for _, tt := range []struct {
			trunk, number string
			want          error
		}{
			{"nobody", "+12025550199", ErrTrunk},
			{"inbound", "+12025550199", ErrTrunk},
			{"carrier", "", ErrNumber},
			{"carrier", "+1202@evil.example", ErrNumber},
			{"carrier", "+1202\r\nX: y", ErrNumber},
		} {
			if _, err := b.ua.Call(ctx, tt.trunk, tt.number, CallOptions{}); !errors.Is(err, tt.want) {
				t.Errorf("Call(%q, %q): %v, want %v", tt.trunk, tt.number, err, tt.want)
			}
		}

		first := b.callFar(ctx, "+12025550199", CallOptions{})
		invite := b.method("INVITE")

		if _, err := b.ua.Call(ctx, "carrier", "+12025550199", CallOptions{}); !errors.Is(err, ErrLimit) {
			t.Errorf("second call: %v, want ErrLimit", err)
		}

		b.respond(invite, 486, "t1", "")
		b.method("ACK")
		<-first

		if n := b.ua.gate.trunks["carrier"].calls.Load(); n != 0 {
			t.Errorf("%d calls are counted after all have ended", n)
		}
	})
}

// TestCallOfAReferral goes to the place that the far end named, when that is
// the trunk's, and takes another call's place there.
func TestCallOfAReferral(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		options := CallOptions{Target: "sip:desk@10.0.0.9:5060", Replaces: "a;to-tag=b;from-tag=c", ReferredBy: "<sip:boss@example.com>"}
		out := b.callFar(ctx, "desk", options)

		invite := b.method("INVITE")
		if invite.Recipient.String() != "sip:desk@10.0.0.9:5060" || headerValue(invite, "Replaces") != options.Replaces ||
			headerValue(invite, "Require") != "replaces" || headerValue(invite, "Referred-By") != options.ReferredBy {
			t.Errorf("INVITE:\n%s", invite)
		}

		b.respond(invite, 481, "t1", "")
		b.method("ACK")

		var status *StatusError
		if got := <-out; !errors.As(got.err, &status) || status.Code != 481 {
			t.Errorf("Answered = %v", got.err)
		}

		for _, target := range []string{"sip:desk@192.0.2.1", "tel:+12025550123", "nonsense"} {
			if got := <-b.callFar(ctx, "desk", CallOptions{Target: target}); got.err == nil {
				t.Errorf("a call left for %s", target)
			}
		}
	})
}

func TestWhereATrunkMaySendCalls(t *testing.T) {
	t.Parallel()

	own := newTrunk(Trunk{
		Name: "carrier", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}, Targets: []Target{{URI: "sip:sbc.example.net"}},
		Register: &Registration{Registrar: "sip:registrar.example.net"}, Redirects: []string{"sbc2.example.net", "192.0.2.7"},
	})
	anywhere := newTrunk(Trunk{Name: "anywhere", Sources: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}})
	proxied := newTrunk(Trunk{Name: "proxied", Sources: own.Sources, Proxy: "sip:proxy.example.net"})

	for text, want := range map[string]bool{
		"sip:a@10.0.0.77:5072": true, "sip:a@SBC.example.net": true, "sip:a@registrar.example.net": true,
		"sip:a@10.0.1.1": false, "sip:a@elsewhere.example.net": false, "sip:a@[2001:db8::1]": false,
	} {
		uri, err := parseTarget(text)
		if err != nil {
			t.Fatal(err)
		}

		if got := own.holds(uri); got != want {
			t.Errorf("%s is the trunk's: %v", text, got)
		}

		if anywhere.holds(uri) {
			t.Errorf("%s is the place of a trunk without places", text)
		}

		if !proxied.holds(uri) {
			t.Errorf("%s does not go through the proxy", text)
		}
	}

	may := own.redirects("+12025550123")
	for contact, want := range map[string]bool{
		"sip:+12025550123@sbc2.example.net:5070": true, "sip:12025550123@192.0.2.7": true,
		"sip:+12025550123;npdi;rn=+12025559999@sbc2.example.net": true,
		"sip:+18765551234@sbc2.example.net":                      false, "sip:+12025550123@sbc.example.net": false,
		"tel:+12025550123": false, "nonsense": false,
	} {
		if got := may(contact); got != want {
			t.Errorf("a call goes on to %s: %v", contact, got)
		}
	}
}
