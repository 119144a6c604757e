package session

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseExpires(t *testing.T) {
	t.Parallel()

	for value, want := range map[string]Expires{
		"1800":                         {Interval: 1800 * time.Second},
		" 1800 ; refresher = uac":      {1800 * time.Second, UAC},
		"90;refresher=UAS;x=y":         {90 * time.Second, UAS},
		"4000;x":                       {Interval: 4000 * time.Second},
		"4294967295;a=b;refresher=uac": {4294967295 * time.Second, UAC},
	} {
		if got, err := ParseExpires(value); err != nil || got != want {
			t.Errorf("%q = %+v, %v; want %+v", value, got, err, want)
		}
	}

	for _, value := range []string{"", "x", "-1", "1.5", "4294967296", "1800;refresher=", "1800;refresher=proxy", ";refresher=uac"} {
		if got, err := ParseExpires(value); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q = %+v, %v; want ErrMalformed", value, got, err)
		}
	}
}

func TestParseMinimum(t *testing.T) {
	t.Parallel()

	for value, want := range map[string]time.Duration{"120": 2 * time.Minute, "90;x=y": 90 * time.Second, "10": LowestMinimum} {
		if got, err := ParseMinimum(value); err != nil || got != want {
			t.Errorf("%q = %v, %v; want %v", value, got, err, want)
		}
	}

	if _, err := ParseMinimum("soon"); !errors.Is(err, ErrMalformed) {
		t.Errorf("soon = %v", err)
	}
}

// TestReply goes through RFC 4028's table 2 and the bounds of section 9.
func TestReply(t *testing.T) {
	t.Parallel()

	policy := Policy{Interval: 30 * time.Minute, Minimum: 2 * time.Minute}

	for name, c := range map[string]struct {
		supported bool
		asked     Expires
		minimum   time.Duration
		want      Expires
		short     bool
	}{
		"nobody asks":                     {false, Expires{}, 0, Expires{}, false},
		"it knows timers, asks for none":  {true, Expires{}, 0, Expires{30 * time.Minute, UAC}, false},
		"its least is more than we want":  {true, Expires{}, time.Hour, Expires{time.Hour, UAC}, false},
		"only a proxy asks":               {false, Expires{Interval: 10 * time.Minute}, 0, Expires{10 * time.Minute, UAS}, false},
		"it leaves the refresher open":    {true, Expires{Interval: 10 * time.Minute}, 0, Expires{10 * time.Minute, UAC}, false},
		"it refreshes":                    {true, Expires{10 * time.Minute, UAC}, 0, Expires{10 * time.Minute, UAC}, false},
		"we are to refresh":               {true, Expires{10 * time.Minute, UAS}, 0, Expires{10 * time.Minute, UAS}, false},
		"longer than we want":             {true, Expires{2 * time.Hour, UAC}, 0, Expires{30 * time.Minute, UAC}, false},
		"longer, and its least is too":    {true, Expires{2 * time.Hour, UAC}, time.Hour, Expires{time.Hour, UAC}, false},
		"too short":                       {true, Expires{100 * time.Second, UAC}, 0, Expires{}, true},
		"too short, but it knows no 422":  {false, Expires{Interval: 100 * time.Second}, 0, Expires{100 * time.Second, UAS}, false},
		"shorter than any may be, no 422": {false, Expires{Interval: 10 * time.Second}, 0, Expires{90 * time.Second, UAS}, false},
		"exactly our least":               {true, Expires{2 * time.Minute, UAC}, 2 * time.Minute, Expires{2 * time.Minute, UAC}, false},
	} {
		got, ok := policy.Reply(Request{Supported: c.supported, Expires: c.asked, Minimum: c.minimum})
		if ok == c.short || got != c.want {
			t.Errorf("%s: %+v, accepted %v; want %+v, refused %v", name, got, ok, c.want, c.short)
		}
	}
}

// TestReplyKeepsBounds holds what RFC 4028 section 9 forbids: a session longer
// than was asked for, or shorter than a proxy bears.
func TestReplyKeepsBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		seconds := func(name string) time.Duration {
			return time.Duration(rapid.IntRange(90, 7200).Draw(r, name)) * time.Second
		}
		policy := Policy{Minimum: seconds("our least")}
		policy.Interval = max(policy.Minimum, seconds("ours"))
		asked := Request{
			Supported: rapid.Bool().Draw(r, "supported"), Minimum: seconds("their least"),
			Expires: Expires{Refresher: Refresher(rapid.IntRange(0, 2).Draw(r, "refresher"))},
		}
		asked.Expires.Interval = max(asked.Minimum, seconds("theirs"))

		got, ok := policy.Reply(asked)
		if !ok {
			if asked.Expires.Interval >= policy.Minimum {
				r.Fatalf("refused %v with a least of %v", asked.Expires.Interval, policy.Minimum)
			}

			return
		}

		if got.Interval > asked.Expires.Interval || got.Interval < asked.Minimum {
			r.Fatalf("%v agreed; %v was asked for, at least %v", got.Interval, asked.Expires.Interval, asked.Minimum)
		}
	})
}

func TestIntervals(t *testing.T) {
	t.Parallel()

	for _, c := range []struct{ interval, refresh, giveUp time.Duration }{
		{30 * time.Minute, 15 * time.Minute, 30*time.Minute - 32*time.Second},
		{90 * time.Second, 45 * time.Second, 60 * time.Second},
		{96 * time.Second, 48 * time.Second, 64 * time.Second},
	} {
		if r, g := Refresh(c.interval), GiveUp(c.interval); r != c.refresh || g != c.giveUp {
			t.Errorf("%v: refresh after %v, give up after %v; want %v, %v", c.interval, r, g, c.refresh, c.giveUp)
		}
	}
}

func FuzzParseExpires(f *testing.F) {
	for _, seed := range []string{"1800", "1800;refresher=uac", "90 ; refresher=uas;x", "", ";;=", "99999999999"} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, value string) {
		e, err := ParseExpires(value)
		if err != nil {
			return
		}

		again, err := ParseExpires(e.String())
		if err != nil || again != e {
			t.Errorf("%q reads as %+v, written and read again %+v, %v", value, e, again, err)
		}

		if least, err := ParseMinimum(value); err != nil || least < LowestMinimum {
			t.Errorf("%q is no Min-SE: %v, %v", value, least, err)
		}
	})
}
