package corpus

import (
	"context"
	"iter"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/media"
	"trunkline/pipeline"
)

func made(t *testing.T, seed uint64) *Set {
	t.Helper()
	s, err := Make(seed, "anna", "bert")
	if err != nil {
		t.Fatal(err)
	}

	return s
}

func TestASeedMakesOneSet(t *testing.T) {
	t.Parallel()
	a, b, other := made(t, 1), made(t, 1), made(t, 2)
	if d := cmp.Diff(a, b); d != "" {
		t.Error(d)
	}
	if cmp.Equal(a, other) {
		t.Error("two seeds make the same set")
	}
}

func TestTheSet(t *testing.T) {
	t.Parallel()
	s := made(t, 1)
	pauses, test := 0, 0
	for i := range s.Turns {
		turn := &s.Turns[i]
		if len(turn.Pauses) != len(turn.Parts)-1 || strings.ContainsAny(turn.Text(), "|{}~?") || turn.Question == "" {
			t.Fatalf("%+v", turn)
		}
		for _, p := range turn.Pauses {
			if p < shortestPause || p > longestPause {
				t.Errorf("%q pauses for %v", turn.Text(), p)
			}
		}
		pauses += len(turn.Pauses)
		if turn.Test {
			test++
		}
	}
	if len(s.Turns) < 400 || pauses < 200 || test < 150 || test > len(s.Turns)/2 {
		t.Errorf("%d turns with %d pauses, %d of them for testing", len(s.Turns), pauses, test)
	}
	side := map[int]bool{}
	for i := range s.Turns {
		turn := &s.Turns[i]
		if was, known := side[turn.Caller]; known && was != turn.Test {
			t.Fatalf("caller %d is on both sides", turn.Caller)
		}
		side[turn.Caller] = turn.Test
	}
	if n := len(s.Testers()); n != (test+turnsEach-1)/turnsEach {
		t.Errorf("%d callers for %d turns", n, test)
	}
}

// The side of a line does not follow from how it was filled in.
func TestALineStaysOnItsSide(t *testing.T) {
	t.Parallel()
	plain := map[string]bool{}
	for seed := range uint64(5) {
		for _, turn := range made(t, seed).Turns {
			key := turn.Question + turn.Text()
			if was, known := plain[key]; known && was != turn.Test {
				t.Errorf("%q is on both sides", turn.Text())
			}
			plain[key] = turn.Test
		}
	}
}

// tones says each word as 300 ms of a vowel.
type tones struct{}

func (tones) Synthesize(_ context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		var s pipeline.Speech
		for _, w := range strings.Fields(text) {
			s.Words = append(s.Words, media.Word{Text: w, Start: media.Samples(len(s.Samples))})
			for range 2400 {
				at := float64(len(s.Samples)) / media.SampleRate
				x := 0.0
				for h := 3.0; h < 25; h++ {
					x += math.Sin(2*math.Pi*h*130*at) / h
				}
				s.Samples = append(s.Samples, int16(4000*x))
			}
		}
		yield(s, nil)
	}
}

func TestTheEarFindsTheParts(t *testing.T) {
	t.Parallel()
	s := &Set{
		Turns: []Turn{{
			Question: "What is your phone number?", Parts: []string{"five one five", "two one two", "nine"},
			Pauses: []time.Duration{700 * time.Millisecond, 1500 * time.Millisecond},
		}},
		Callers: []Caller{{SNR: 30}},
	}
	var heard []Heard
	var audio *Audio
	if err := s.Hear(t.Context(), 0, tones{}, func(h Heard, a *Audio) error {
		heard, audio = append(heard, h), a

		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(heard) != 1 || heard[0].Asked.Digits != 10 || len(heard[0].Boundaries) != 3 {
		t.Fatalf("heard %+v", heard)
	}
	for i, want := range []time.Duration{700 * time.Millisecond, 1500 * time.Millisecond, 0} {
		b := &heard[0].Boundaries[i]
		if d := b.Silence + b.Late - want; b.Parts != i+1 || want > 0 && (d < -60*time.Millisecond || d > 60*time.Millisecond) || want == 0 && b.Silence != 0 {
			t.Errorf("boundary %d: %+v, want a silence of %v", i, b, want)
		}
		if !b.Talkspurt.Prosody.Known {
			t.Errorf("boundary %d: nothing is known of the voice", i)
		}
		if n := len(b.Cut(audio, 15, 10)); n < 15 || n > len(audio.Frames) {
			t.Errorf("boundary %d: cut %d frames", i, n)
		}
	}
	if p := audio.Parts[1]; p.To-p.From < 850*time.Millisecond || p.To-p.From > 900*time.Millisecond {
		t.Errorf("the second part lasts %v", p.To-p.From)
	}
}

func TestASlotWithoutAValueIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := (values{}).fill(rand.New(rand.NewPCG(1, 1)), "it's {nothing}"); err == nil {
		t.Error("it was filled")
	}
	if _, err := (values{"day": {"monday"}}).fill(rand.New(rand.NewPCG(1, 1)), "on {day"); err == nil {
		t.Error("a slot that does not end was filled")
	}
}
