package player

import (
	"slices"
	"testing"

	"trunkline/media"
)

// say adds a whole segment of one sample value.
func say(t *testing.T, s *Segment, value int16, frames int) {
	t.Helper()
	audio := slices.Repeat([]int16{value}, frames*media.FrameSamples)
	if err := s.Write(t.Context(), audio, nil); err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// frames takes n frames and tells the last sample of each.
func frames(p *Player, n int) []int16 {
	out := make([]int16, n)
	var f media.Frame
	for i := range out {
		p.Next(&f)
		out[i] = f[len(f)-1]
	}

	return out
}

func TestAnInterjectionComesBeforeWhatWaits(t *testing.T) {
	t.Parallel()
	var finished []int
	p := New(Options{Notify: func(e Event) {
		if e.Kind == Finished {
			finished = append(finished, e.Utterance)
		}
	}})
	slow := p.Add(1, "slow")
	say(t, p.Interject(2, "one moment"), 7, 2)
	p.Seal(2)
	say(t, slow, 9, 2)
	p.Seal(1)
	if got := frames(p, 5); !slices.Equal(got, []int16{7, 7, 9, 9, 0}) {
		t.Errorf("played %v", got)
	}
	if !slices.Equal(finished, []int{2, 1}) {
		t.Errorf("finished %v", finished)
	}
}

func TestAHeldUtteranceWaitsAndMayBeDropped(t *testing.T) {
	t.Parallel()
	for _, dropped := range []bool{false, true} {
		p := New(Options{})
		p.Hold(1)
		guess := p.Add(1, "maybe")
		say(t, guess, 5, 2)
		p.Seal(1)
		if got := frames(p, 2); !slices.Equal(got, []int16{0, 0}) {
			t.Fatalf("a held utterance is heard: %v", got)
		}
		want := []int16{5, 5, 3}
		if dropped {
			want = []int16{3, 0, 0}
			p.Drop(1)
			if err := p.Add(1, "late").Write(t.Context(), make([]int16, 10), nil); err == nil {
				t.Error("a dropped utterance takes audio")
			}
		} else {
			p.Release(1)
		}
		say(t, p.Add(2, "next"), 3, 1)
		p.Seal(2)
		if got := frames(p, 3); !slices.Equal(got, want) {
			t.Errorf("dropped %v: played %v, want %v", dropped, got, want)
		}
		if q := p.Stats().Queued; q != 0 {
			t.Errorf("dropped %v: %d samples are left", dropped, q)
		}
	}
}

func TestStarvingAndProtectedWordingAreTold(t *testing.T) {
	t.Parallel()
	var told []EventKind
	p := New(Options{Notify: func(e Event) { told = append(told, e.Kind) }})
	first := p.Add(1, "this must be heard")
	first.Protect()
	say(t, first, 5, 3)
	frames(p, 3+19)
	if want := []EventKind{Started, Protecting, Protected}; !slices.Equal(told, want) {
		t.Fatalf("told %v, want %v", told, want)
	}
	frames(p, 2)
	say(t, p.Add(1, "and this need not"), 6, 1)
	p.Seal(1)
	frames(p, 3)
	if want := []EventKind{Started, Protecting, Protected, Starved, Fed, Finished}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

func TestTheCutWordIsSaidAgainAndCountsOnce(t *testing.T) {
	t.Parallel()
	p := New(Options{})
	s := p.Add(1, "alpha beta")
	audio := make([]int16, 20*media.FrameSamples)
	for i := range audio {
		audio[i] = int16(i + 1)
	}
	words := []media.Word{{Text: "alpha"}, {Text: "beta", Start: 8 * media.FrameSamples}}
	if err := s.Write(t.Context(), audio, words); err != nil {
		t.Fatal(err)
	}
	s.Close()
	p.Seal(1)
	frames(p, 15)
	p.Pause()
	frames(p, 40)
	before := p.Heard(1)
	p.ResumeWord()
	var f media.Frame
	p.Next(&f)
	if at := f[rampSamples]; at != 8*media.FrameSamples+1 {
		t.Errorf("goes on with sample %d, want that of the word's start", at)
	}
	if h := p.Heard(1); h.Played != before.Played || h.Text != "alpha beta" {
		t.Errorf("heard %+v, before the pause %+v", h, before)
	}
	frames(p, 14)
	if h := p.Heard(1); !h.Complete || h.Played != media.Samples(len(audio)) {
		t.Errorf("at the end: %+v", h)
	}
}
