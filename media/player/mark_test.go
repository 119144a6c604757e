package player_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trunkline/media"
	"trunkline/media/player"
)

// A marked segment tells when its first and its last sample have left, also
// over a pause; one that is cleared never tells the latter.
func TestMarksTellWhatWasHeard(t *testing.T) {
	t.Parallel()
	b := setup(t, player.Options{})
	add := func(mark int, frames int) {
		s := b.Add(1, "words")
		s.Mark(mark)
		s.Share(make([]int16, frames*media.FrameSamples), nil)
	}
	add(1, 2)
	add(0, 1)
	add(2, 3)
	b.Seal(1)
	marks := func() (all []player.Event) {
		for _, e := range b.events {
			if e.Mark != 0 {
				all = append(all, e)
			}
		}
		b.events = nil

		return all
	}
	same := func(what string, want ...player.Event) {
		t.Helper()
		if diff := cmp.Diff(want, marks(), cmpopts.IgnoreFields(player.Event{}, "At")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	b.take(1)
	same("the first frame", player.Event{Kind: player.Reached, Utterance: 1, Mark: 1})
	b.Pause()
	b.take(5)
	same("a pause")
	b.Resume()
	b.take(2)
	same("the rest of it", player.Event{Kind: player.Passed, Utterance: 1, Mark: 1})
	b.take(1)
	same("the next one", player.Event{Kind: player.Reached, Utterance: 1, Mark: 2})
	b.Clear()
	b.take(5)
	same("cleared")
}
