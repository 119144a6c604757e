package twilio

import (
	"testing"

	"pgregory.net/rapid"
)

func TestProgress(t *testing.T) {
	t.Parallel()
	type told struct {
		number int
		status Status
		want   bool
	}
	for name, all := range map[string][]told{
		"in order":        {{0, Initiated, true}, {1, Ringing, true}, {2, InProgress, true}, {3, Completed, true}},
		"twice":           {{0, Initiated, true}, {0, Initiated, false}, {1, Ringing, true}, {1, Ringing, false}, {3, Completed, true}, {3, Completed, false}},
		"out of order":    {{2, InProgress, true}, {1, Ringing, false}, {0, Initiated, false}, {3, Busy, true}},
		"final first":     {{3, NoAnswer, true}, {1, Ringing, false}, {2, InProgress, false}, {4, Completed, false}},
		"not counted":     {{-1, Ringing, true}, {-1, Initiated, false}, {-1, Canceled, true}},
		"unheard of":      {{0, "exploded", false}, {1, "", false}, {2, Ringing, true}},
		"late and final":  {{5, InProgress, true}, {4, Failed, true}},
		"an older higher": {{5, Ringing, true}, {4, InProgress, false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := progress{number: -1}
			for i, c := range all {
				if got := p.step(c.number, c.status); got != c.want {
					t.Errorf("callback %d, %s: %v", i, c.status, got)
				}
			}
		})
	}
}

// However the callbacks of a call are mixed and repeated, it ends as the
// carrier says, and never goes back.
func TestProgressEndsAsTold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		end := rapid.SampledFrom([]Status{Completed, Busy, NoAnswer, Canceled, Failed}).Draw(t, "end")
		sent := []Status{Initiated, Ringing, InProgress, end}
		order := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 12).Draw(t, "order")
		p := progress{number: -1}
		before := 0
		for _, i := range append(order, 3, 0, 1, 2, 3) {
			p.step(i, sent[i])
			if r := ranks[p.status]; r < before {
				t.Fatalf("went back to %s", p.status)
			}
			before = ranks[p.status]
		}
		if p.status != end {
			t.Errorf("ended as %s, want %s", p.status, end)
		}
	})
}

func TestStatusWords(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]Status{
		"ringing": Ringing, "answered": InProgress, "started": Initiated, "timeout": NoAnswer, "unanswered": NoAnswer, "cancelled": Canceled, "rejected": Busy, "hangup": Completed, "in-progress": InProgress,
	} {
		if got := statusOf(word); got != want {
			t.Errorf("%s is %s, want %s", word, got, want)
		}
	}
}
