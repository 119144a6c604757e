package failover

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
)

func TestTheNextVoiceSpeaks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := &declared.Voice{Faults: declared.Every(declared.Fault{Stall: true})}
		second := &declared.Voice{PerWord: time.Second}
		s := NewSynthesizer(nil, option[pipeline.Synthesizer]("first", first), option[pipeline.Synthesizer]("second", second))
		n, err := spoken(t.Context(), s, "one two")
		if err != nil || n != 2*media.SampleRate {
			t.Fatalf("%d samples, %v", n, err)
		}
	})
}

func TestAVoiceNeverChangesWithinASentence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := &declared.Voice{Faults: declared.At(1, declared.Fault{After: 2, Err: errDown})}
		second := &declared.Voice{PerWord: time.Second}
		s := NewSynthesizer(nil, option[pipeline.Synthesizer]("first", first), option[pipeline.Synthesizer]("second", second))
		v := s.Voice()
		if _, err := spoken(t.Context(), v, "one two three"); err != nil {
			t.Fatal(err)
		}
		n, err := spoken(t.Context(), v, "four five six")
		if !errors.Is(err, pipeline.ErrSayAgain) || !errors.Is(err, errDown) {
			t.Fatalf("cut sentence: %v", err)
		}
		if n >= 3*media.SampleRate/3 {
			t.Errorf("%d samples of the cut sentence", n)
		}
		for _, again := range []string{"four five six", "seven"} { // the rest of the reply is the second voice's
			n, err := spoken(t.Context(), v, again)
			if err != nil || n < media.SampleRate {
				t.Fatalf("%q again: %d samples, %v", again, n, err)
			}
		}
		if n, err := spoken(t.Context(), s.Voice(), "one"); err != nil || n >= media.SampleRate {
			t.Errorf("the next reply: %d samples, %v: want the first voice", n, err)
		}
	})
}

func TestTheLastVoiceCannotSayItAgain(t *testing.T) {
	t.Parallel()
	v := NewSynthesizer(nil, option[pipeline.Synthesizer]("only", &declared.Voice{
		Faults: declared.Every(declared.Fault{After: 1, Err: errDown}),
	})).Voice()
	for range 2 {
		if _, err := spoken(t.Context(), v, "one two three"); err == nil || errors.Is(err, pipeline.ErrSayAgain) {
			t.Fatal(err)
		}
	}
}
