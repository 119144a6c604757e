package turn

import (
	"testing"
	"time"
)

// Who asks for a moment is not asked for longer than one who says something
// else, and only until they speak again.
func TestACallerWhoAsksForAMomentIsNotPressed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"hold on a second please": 30 * time.Second, "one moment": 30 * time.Second, "hold on it is five": 8 * time.Second, "what are your hours": 8 * time.Second,
	} {
		m := New(Config{})
		at := time.Duration(0)
		step := func(after time.Duration, e Event) []Action {
			at += after
			e.At = at

			return m.Step(e)
		}
		step(0, Event{Kind: Answered})
		step(time.Second, Event{Kind: AudioFinished, Utterance: 1})
		step(time.Second, Event{Kind: SpeechOnset, Spurt: 1})
		step(time.Second, Event{Kind: SpeechEnd, Spurt: 1, Voiced: time.Second, Silence: 100 * time.Millisecond})
		step(0, Event{Kind: Final, Spurt: 1, Text: text})
		step(3*time.Second, Event{Kind: TimerFired, Timer: EndpointTimer})
		step(100*time.Millisecond, Event{Kind: AudioStarted, Utterance: 2})
		step(0, Event{Kind: ReplyDone, Utterance: 2, Spoken: true})
		var got time.Duration
		for _, a := range step(time.Second, Event{Kind: AudioFinished, Utterance: 2}) {
			if a.Kind == SetTimer && a.Timer == IdleTimer {
				got = a.After
			}
		}
		if got != want {
			t.Errorf("after %q the agent waits for %s, want %s", text, got, want)
		}
	}
}
