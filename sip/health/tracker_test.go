package health

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTracker(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct{ outcomes, states string }{
		{"+", "U"},
		{"---", "??D"},
		{"+---", "UUUD"},
		{"+--+--+---", "UUUUUUUUUD"},
		{"---++", "??DDU"},
		{"---+-++", "??DDDDU"},
		{"--+", "??U"},
	} {
		tracker := Tracker{DownAfter: 3, UpAfter: 2}

		var got strings.Builder

		for _, o := range tt.outcomes {
			before := tracker.State()
			if changed := tracker.Note(o == '+'); changed != (before != tracker.State()) {
				t.Errorf("%s: changed is %v", tt.outcomes, changed)
			}

			got.WriteString(map[State]string{Unknown: "?", Up: "U", Down: "D"}[tracker.State()])
		}

		if got.String() != tt.states {
			t.Errorf("%s: %s, want %s", tt.outcomes, &got, tt.states)
		}
	}
}

// TestHysteresis: no change without as many outcomes in a row as it takes.
func TestHysteresis(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		tracker := Tracker{DownAfter: rapid.IntRange(0, 5).Draw(t, "down"), UpAfter: rapid.IntRange(0, 5).Draw(t, "up")}
		tracker.Note(true)

		run, last := 0, true

		for _, ok := range rapid.SliceOf(rapid.Bool()).Draw(t, "outcomes") {
			if run++; ok != last {
				run, last = 1, ok
			}

			need := map[bool]int{false: tracker.DownAfter, true: tracker.UpAfter}[ok]
			doubt, of := tracker.Doubt()
			against := ok != (tracker.State() == Up)

			changed := tracker.Note(ok)
			if changed && run < need {
				t.Fatalf("changed after %d", run)
			}

			if changed != (against && doubt+1 == of) {
				t.Fatalf("changed: %v, with %d of %d before", changed, doubt, of)
			}
		}
	})
}
