package route

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var config = Config{
	Home: "US", Countries: []string{"US", "CA"},
	Allow:  []string{"+1555010", "+4420794600"},
	Deny:   []string{"+1907", "+15550109"},
	Trunks: map[string]string{"carrier": "reception"},
	Inbound: []Inbound{
		{Number: "+12125550111", Agent: "sales"},
		{Number: "1000", Agent: "desk"},
		{Prefix: "+1212555", Agent: "new york"},
		{Prefix: "+1212555", Trunk: "backup", Agent: "new york by backup"},
		{Prefix: "+1212", Agent: "area"},
	},
	Outbound: []Outbound{
		{Name: "all", Door: "sip", Trunk: "carrier", CallerIDs: []string{"+12125550100", "+13125550100"}, Agent: "reception"},
		{Name: "canada", Prefixes: []string{"+1416", "+1604"}, Door: "twilio", Trunk: "us", CallerIDs: []string{"+14165550100"}, Nearest: true},
		{Name: "near", Prefixes: []string{"+1312"}, Door: "sip", Trunk: "carrier", CallerIDs: []string{"+12125550100", "+13125550100"}, Nearest: true, Agent: "a"},
	},
}

func table(t testing.TB) *Table {
	t.Helper()
	x, err := New(config)
	if err != nil {
		t.Fatal(err)
	}

	return x
}

func TestWhoAnswers(t *testing.T) {
	t.Parallel()
	x := table(t)
	for _, tt := range []struct{ trunk, to, agent, number, why string }{
		{"carrier", "+12125550111", "sales", "+12125550111", "number +12125550111"},
		{"carrier", "12125550111", "sales", "+12125550111", "number"},
		{"carrier", "2125550111", "sales", "+12125550111", "number"},
		{"carrier", "(212) 555-0111", "sales", "+12125550111", "number"},
		{"carrier", "1000", "desk", "1000", "number 1000"},
		{"carrier", "+12125550112", "new york", "+12125550112", "prefix +1212555"},
		{"backup", "+12125550112", "new york by backup", "+12125550112", "on trunk backup"},
		{"backup", "+12125550111", "sales", "+12125550111", "number"},
		{"carrier", "+12126640000", "area", "+12126640000", "prefix +1212"},
		{"carrier", "+13125550100", "reception", "+13125550100", "trunk carrier"},
		{"carrier", "reception", "reception", "reception", "trunk carrier"},
		{"backup", "+13125550100", "", "+13125550100", ""},
	} {
		in, ok := x.In(tt.trunk, tt.to)
		if in.Agent != tt.agent || in.Number != tt.number || ok != (tt.agent != "") || !strings.Contains(in.Why, tt.why) {
			t.Errorf("%s on %s: %+v, %v; want %q, %q, %q", tt.to, tt.trunk, in, ok, tt.agent, tt.number, tt.why)
		}
	}
}

func TestWhereCallsMayGo(t *testing.T) {
	t.Parallel()
	x := table(t)
	for to, denied := range map[string]string{
		"+12126640000":   "",
		"(212) 664-0000": "",
		"+16046641234":   "",
		"+15550100123":   "", // in no plan, and allowed by prefix
		"+442079460000":  "", // another country, and allowed by prefix
		"+442079470000":  "GB, which is none",
		"+15550109123":   "+15550109, which may not",
		"+19075551234":   "+1907, which may not",
		"+19002345678":   "premium rate",
		"+12129761234":   "premium rate (exchange 976)",
		"+18765551234":   "JM, which is none",
		"+18095551234":   "DO, which is none",
		"+17875551234":   "PR, which is none",
		"+12425551234":   "BS, which is none",
		"+881612345678":  "satellite",
		"+870773123456":  "satellite",
		"+882161234567":  "satellites",
		"+979123456789":  "premium rate",
		"+15551234567":   "no numbering plan",
		"":               "no telephone number",
		"911":            "too few",
		"+15550100":      "too few",
		"call me":        "no telephone number",
	} {
		_, err := x.Out(Request{To: to, Agent: "a"})
		var no *DeniedError
		switch {
		case denied == "" && err != nil:
			t.Errorf("%s: %v", to, err)
		case denied != "" && (!errors.As(err, &no) || no.Field != "to" || !strings.Contains(no.Text, denied)):
			t.Errorf("%s: %v; want %q", to, err, denied)
		}
	}
}

func TestHowCallsLeave(t *testing.T) {
	t.Parallel()
	x := table(t)
	for name, tt := range map[string]struct {
		ask   Request
		want  Out
		field string // of the denial
	}{
		"all": {Request{To: "+12126640000"}, Out{
			To: "+12126640000", From: "+12125550100", Country: "US", Route: "all", Door: "sip", Trunk: "carrier", Agent: "reception",
		}, ""},
		"the longest prefix": {Request{To: "+14166640000", Agent: "b"}, Out{
			To: "+14166640000", From: "+14165550100", Country: "CA", Route: "canada", Door: "twilio", Trunk: "us", Agent: "b",
		}, ""},
		"the nearest caller ID": {Request{To: "+13126640000"}, Out{
			To: "+13126640000", From: "+13125550100", Country: "US", Route: "near", Door: "sip", Trunk: "carrier", Agent: "a",
		}, ""},
		"by name": {Request{To: "+13126640000", Route: "all", From: "+13125550100"}, Out{
			To: "+13126640000", From: "+13125550100", Country: "US", Route: "all", Door: "sip", Trunk: "carrier", Agent: "reception",
		}, ""},
		"a caller ID not ours":          {Request{To: "+12126640000", From: "+12025550100"}, Out{}, "from"},
		"a route that does not take it": {Request{To: "+12126640000", Route: "canada"}, Out{}, "route"},
		"a trunk without a route":       {Request{To: "+12126640000", Trunk: "x"}, Out{}, "route"},
		"nobody to talk":                {Request{To: "+14166640000"}, Out{}, "agent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := x.Out(tt.ask)
			if tt.field != "" {
				var no *DeniedError
				if !errors.As(err, &no) || no.Field != tt.field {
					t.Errorf("got %v, want a denial for %s", err, tt.field)
				}

				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Why) != 4 {
				t.Errorf("reasons %q, want four", out.Why)
			}
			out.Why = nil
			if d := cmp.Diff(tt.want, out); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTablesAreChecked(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]Config{
		"no prefix":        {Allow: []string{"1212"}},
		"either a number":  {Inbound: []Inbound{{Agent: "a"}}},
		"no caller ID":     {Outbound: []Outbound{{Name: "x"}}},
		"no number in E":   {Outbound: []Outbound{{Name: "x", CallerIDs: []string{"anonymous"}}}},
		`two outbound`:     {Outbound: []Outbound{{Name: "x"}, {Name: "x"}}},
		`"212" is no pref`: {Outbound: []Outbound{{Name: "x", CallerIDs: []string{"+12125550100"}, Prefixes: []string{"212"}}}},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// TestNothingDearLeaves holds for every number: what leaves is in E.164 form
// and is of an allowed country or prefix.
func TestNothingDearLeaves(t *testing.T) {
	t.Parallel()
	x := table(t)
	rapid.Check(t, func(t *rapid.T) {
		to := rapid.StringMatching(`\+?(1|881|979|44|011|00)?[0-9 ()-]{3,14}`).Draw(t, "to")
		out, err := x.Out(Request{To: to, Agent: "a"})
		if err != nil {
			return
		}
		if !isPrefix(out.To) {
			t.Fatalf("%q became %q", to, out.To)
		}
		if longest(config.Allow, out.To) == "" && out.Country != "US" && out.Country != "CA" {
			t.Fatalf("%q leaves to %s, in %q", to, out.To, out.Country)
		}
		if strings.HasPrefix(out.To, "+1900") || longest(config.Deny, out.To) != "" {
			t.Fatalf("%q leaves to %s", to, out.To)
		}
		again, err := x.Out(Request{To: out.To, Agent: "a"})
		if err != nil || again.To != out.To {
			t.Fatalf("%s in E.164 form does not leave as it is: %s, %v", to, again.To, err)
		}
	})
}

func FuzzIn(f *testing.F) {
	x := table(f)
	f.Add("+12125550111")
	f.Add("sip:1000")
	f.Fuzz(func(t *testing.T, to string) {
		if in, ok := x.In("carrier", to); !ok || in.Agent == "" {
			t.Errorf("nobody answers %q", to)
		}
	})
}
