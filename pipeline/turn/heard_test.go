package turn

import (
	"testing"
	"time"
)

// A turn in which a provider hears speech is taken without its words, and one
// in which nobody does is not.
func TestSpeechWithoutWordsIsATurn(t *testing.T) {
	t.Parallel()
	for _, heard := range []bool{true, false} {
		m := New(Config{})
		now := time.Duration(0)
		at := func(d time.Duration, e Event) []Action {
			now += d
			e.At = now

			return m.Step(e)
		}
		at(0, Event{Kind: Answered})
		at(time.Second, Event{Kind: AudioFinished, Utterance: 1})
		at(time.Second, Event{Kind: SpeechOnset, Spurt: 1, Level: -20})
		if heard {
			at(100*time.Millisecond, Event{Kind: SpeechHeard, Spurt: 1})
		}
		at(600*time.Millisecond, Event{Kind: SpeechEnd, Spurt: 1, Voiced: 700 * time.Millisecond, Level: -20})
		at(time.Second, Event{Kind: TimerFired, Timer: EndpointTimer})
		if !heard {
			at(time.Second, Event{Kind: TimerFired, Timer: FinalTimer})
		}
		if got := m.State() == Thinking; got != heard {
			t.Errorf("speech heard %v: the state is %s", heard, m.State())
		}
	}
}

// Speech over the agent's voice interrupts sooner when a provider hears it too.
func TestConfirmedSpeechInterruptsAfterTheWindow(t *testing.T) {
	t.Parallel()
	for _, heard := range []bool{true, false} {
		m := New(Config{})
		m.Step(Event{Kind: Answered})
		m.Step(Event{Kind: SpeechOnset, Spurt: 1, Level: -20, At: time.Second})
		if heard {
			m.Step(Event{Kind: SpeechHeard, Spurt: 1, At: 1100 * time.Millisecond})
		}
		m.Step(Event{Kind: TimerFired, Timer: VerdictTimer, At: 1400 * time.Millisecond})
		if got := m.State() == Listening; got != heard {
			t.Errorf("speech heard %v: the state is %s", heard, m.State())
		}
	}
}
