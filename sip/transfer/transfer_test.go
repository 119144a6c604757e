package transfer

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseReplaces(t *testing.T) {
	t.Parallel()

	for value, want := range map[string]Replaces{
		"98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff":       {"98732@sip.example.com", "ff87ff", "r33th4x0r", false},
		" 12adf2f34456gs5 ; to-tag=12345 ;from-tag=54321 ; early-only": {"12adf2f34456gs5", "12345", "54321", true},
		"87134@171.161.34.23;TO-TAG=24796;from-tag=0;x=y":              {"87134@171.161.34.23", "24796", "0", false},
	} {
		if got, err := ParseReplaces(value); err != nil || got != want {
			t.Errorf("%q = %+v, %v; want %+v", value, got, err, want)
		}
	}

	for _, value := range []string{
		"", "a", "a;to-tag=b", "a;from-tag=b", ";to-tag=a;from-tag=b", "a;to-tag=;from-tag=b",
		"a;to-tag=b;to-tag=c;from-tag=d", "a b;to-tag=b;from-tag=d", "a,b;to-tag=b;from-tag=d", "a;to-tag=b;from-tag=c d",
	} {
		if got, err := ParseReplaces(value); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q = %+v, %v; want ErrMalformed", value, got, err)
		}
	}
}

func TestParseReferTo(t *testing.T) {
	t.Parallel()

	for value, want := range map[string]ReferTo{
		"sip:dave@denver.example.org":                       {URI: "sip:dave@denver.example.org"},
		"sip:dave@denver.example.org;x=y":                   {URI: "sip:dave@denver.example.org"},
		`"Dave" <sip:dave@denver.example.org;user=phone>;x`: {URI: "sip:dave@denver.example.org;user=phone"},
		"<tel:+12025550123>":                                {URI: "tel:+12025550123"},
		"<sip:a@b;method=INVITE>":                           {URI: "sip:a@b;method=INVITE"},
		"<sip:a@b?Replaces=12345%40192.0.2.1%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>": {
			"sip:a@b", "12345@192.0.2.1;to-tag=12345;from-tag=5FFE-3994",
		},
		"<sip:a@b?Subject=x&replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2>": {"sip:a@b", "c;to-tag=1;from-tag=2"},
	} {
		if got, err := ParseReferTo(value); err != nil || got != want {
			t.Errorf("%q = %+v, %v; want %+v", value, got, err, want)
		}
	}

	for _, value := range []string{
		"", "<>", "<sip:", "<sip:>", "http://a/b", "<http://a/b>", "<sip:a@b;method=SUBSCRIBE>", "sip:a@b, sip:c@d",
		"<sip:a@b?Replaces=x>", "<sip:a@b?Replaces=%zz>", "<sip:a b@c>", "dave",
	} {
		if got, err := ParseReferTo(value); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q = %+v, %v; want ErrMalformed", value, got, err)
		}
	}
}

func TestParseFragment(t *testing.T) {
	t.Parallel()

	for body, want := range map[string]int{
		"SIP/2.0 100 Trying": 100, "SIP/2.0 200 OK\r\nContact: <sip:a@b>\r\n": 200, "sip/2.0 603 \r\n": 603, "SIP/2.0 486": 486,
	} {
		if got, _, err := ParseFragment([]byte(body)); err != nil || got != want {
			t.Errorf("%q = %d, %v; want %d", body, got, err, want)
		}
	}

	for _, body := range []string{"", "SIP/2.0", "SIP/2.0 20 OK", "SIP/2.0 0200 OK", "SIP/3.0 200 OK", "SIP/2.0 700 x", "INVITE sip:a@b SIP/2.0"} {
		if got, _, err := ParseFragment([]byte(body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q = %d, %v; want ErrMalformed", body, got, err)
		}
	}

	if status, reason, err := ParseFragment(Fragment(486, "Busy Here")); status != 486 || reason != "Busy Here" || err != nil {
		t.Errorf("what we write reads as %d %q, %v", status, reason, err)
	}
}

func TestParseState(t *testing.T) {
	t.Parallel()

	for value, want := range map[string]State{
		"active;expires=60":              {Expires: time.Minute},
		"pending":                        {},
		"Terminated ; reason=noresource": {Terminated: true, Reason: "noresource"},
		"active;expires=4000000000":      {Expires: longest},
	} {
		if got, err := ParseState(value); err != nil || got != want {
			t.Errorf("%q = %+v, %v; want %+v", value, got, err, want)
		}
	}

	for _, value := range []string{"", ";expires=1", "active;expires=soon"} {
		if _, err := ParseState(value); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// TestReferToCarriesReplaces survives what stands in Call-IDs and tags.
func TestReferToCarriesReplaces(t *testing.T) {
	t.Parallel()

	word := rapid.StringMatching("[!-+\\--:<>-~]{1,20}")

	rapid.Check(t, func(r *rapid.T) {
		want := Replaces{
			CallID: word.Draw(r, "call"), ToTag: word.Draw(r, "to"), FromTag: word.Draw(r, "from"), EarlyOnly: rapid.Bool().Draw(r, "early"),
		}

		referTo, err := ParseReferTo(ReferTo{URI: "sip:a@b", Replaces: want.String()}.String())
		if err != nil {
			r.Fatal(err)
		}

		if got, err := ParseReplaces(referTo.Replaces); err != nil || got != want {
			r.Fatalf("%+v came back as %+v, %v", want, got, err)
		}
	})
}

func FuzzParseReplaces(f *testing.F) {
	for _, seed := range []string{"98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff", "a;to-tag=b;from-tag=c;early-only", ";;=", ""} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, value string) {
		r, err := ParseReplaces(value)
		if err != nil {
			return
		}

		if again, err := ParseReplaces(r.String()); err != nil || again != r {
			t.Errorf("%q reads as %+v, and again as %+v, %v", value, r, again, err)
		}
	})
}

func FuzzParseReferTo(f *testing.F) {
	for _, seed := range []string{
		"<sip:a@b?Replaces=12345%40192.0.2.1%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>", "sip:a@b;x=y", "<tel:+1>", "<sip:%>", "<",
	} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, value string) {
		r, err := ParseReferTo(value)
		if err != nil {
			return
		}

		if strings.ContainsAny(r.URI, "\r\n<>") {
			t.Errorf("%q names the URI %q", value, r.URI)
		}

		if again, err := ParseReferTo(r.String()); err != nil || again != r {
			t.Errorf("%q reads as %+v, and again as %+v, %v", value, r, again, err)
		}
	})
}

func FuzzParseFragment(f *testing.F) {
	f.Add([]byte("SIP/2.0 200 OK\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if status, _, err := ParseFragment(body); err == nil && (status < 100 || status > 699) {
			t.Errorf("%q tells %d", body, status)
		}
	})
}
