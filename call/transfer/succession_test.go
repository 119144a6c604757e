package transfer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSuccessions(t *testing.T) {
	t.Parallel()
	start, rang := Event{Kind: Started}, Event{Kind: Rang, Status: 180}
	for name, tt := range map[string]struct {
		events []Event
		want   string // actions, a slash between events
		state  State
	}{
		"they come":                 {[]Event{start, rang, {Kind: Answered}}, "dial,set_timer/tell180/tell200,replace", Over},
		"busy":                      {[]Event{start, {Kind: NotPut, Status: 486}}, "dial,set_timer/tell486,return", Over},
		"no way to them":            {[]Event{start, {Kind: NotPut}}, "dial,set_timer/tell480,return", Over},
		"nobody answers":            {[]Event{start, {Kind: TimedOut}}, "dial,set_timer/drop,tell480,return", Over},
		"an answer after that":      {[]Event{start, {Kind: TimedOut}, {Kind: Answered}}, "dial,set_timer/drop,tell480,return/drop", Over},
		"who asked hangs up":        {[]Event{start, {Kind: CallerBye}, rang, {Kind: Answered}}, "dial,set_timer//tell180/tell200,replace", Over},
		"and nobody comes":          {[]Event{start, {Kind: CallerBye}, {Kind: NotPut, Status: 486}}, "dial,set_timer//tell486,close", Over},
		"and nobody answers":        {[]Event{start, {Kind: CallerBye}, {Kind: TimedOut}}, "dial,set_timer//drop,tell480,close", Over},
		"the call is to end":        {[]Event{start, {Kind: Ended}, {Kind: Answered}}, "dial,set_timer/drop,tell487/drop", Over},
		"nothing before it started": {[]Event{rang, {Kind: Answered}}, "/", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := NewSuccession(30 * time.Second)
			var got []string
			for _, e := range tt.events {
				var done []string
				for _, a := range s.Step(e) {
					text := string(a.Kind)
					if a.Kind == Tell {
						text += fmt.Sprint(a.Status)
					}
					done = append(done, text)
				}
				got = append(got, strings.Join(done, ","))
			}
			if text := strings.Join(got, "/"); text != tt.want || s.State() != tt.state {
				t.Errorf("got %q in state %s, want %q in %s", text, s.State(), tt.want, tt.state)
			}
		})
	}
}

// TestASuccessionEndsOnce holds for all events in all orders: it ends in one
// way, the last report is the only final one, and no call of ours is left up.
func TestASuccessionEndsOnce(t *testing.T) {
	t.Parallel()
	kinds := []EventKind{Rang, Answered, NotPut, TimedOut, CallerBye, Ended}
	rapid.Check(t, func(t *rapid.T) {
		s := NewSuccession(time.Second)
		s.Step(Event{Kind: Started})
		var ends []ActionKind
		finals, answered, dropped, replaced := 0, false, false, false
		for range rapid.IntRange(0, 12).Draw(t, "events") {
			e := Event{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Status: rapid.SampledFrom([]int{0, 180, 486}).Draw(t, "status")}
			if e.Kind == Answered && answered || e.Kind == Rang && e.Status > 199 {
				continue
			}
			answered = answered || e.Kind == Answered
			for _, a := range s.Step(e) {
				switch a.Kind {
				case Replace, Return, Close:
					ends = append(ends, a.Kind)
				case Tell:
					if finals > 0 {
						t.Errorf("told %d after the last report", a.Status)
					}
					if a.Status >= 200 {
						finals++
					}
				case Drop:
					dropped = true
				}
				replaced = replaced || a.Kind == Replace
			}
		}
		if len(ends) > 1 {
			t.Errorf("ended as %v", ends)
		}
		if s.State() == Over && finals != 1 {
			t.Errorf("over with %d last reports", finals)
		}
		if answered && !replaced && !dropped {
			t.Error("the target's call is left up")
		}
		if slices.Contains(ends, Replace) && dropped {
			t.Error("the call that took the caller's place was dropped")
		}
	})
}
