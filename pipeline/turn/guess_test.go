package turn

import "testing"

// guessing is a talk of an agent that guesses, in which the greeting was heard
// and the caller speaks.
func guessing(t *testing.T, perTurn int) *talk {
	t.Helper()
	k := &talk{t: t, m: New(Config{Speculation: Speculation{PerTurn: perTurn}})}
	k.step(0, Event{Kind: Answered})
	k.step(800*ms, Event{Kind: AudioFinished, Utterance: 1})
	k.step(400*ms, Event{Kind: SpeechOnset, Spurt: 1})
	k.want(Listening)

	return k
}

func (k *talk) partial(text string) { k.step(200*ms, Event{Kind: Partial, Spurt: 1, Text: text}) }

func TestWordsThatAreEvidentlyWholeAreAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	k := guessing(t, 2)
	k.partial("what are")
	k.want(Listening)
	k.partial("what are your opening hours")
	k.want(Listening, StartGuess)
	k.step(100*ms, Event{Kind: SpeechLull, Spurt: 1})
	k.want(Listening)
	k.step(100*ms, Event{Kind: SpeechEnd, Spurt: 1, Voiced: 900 * ms, Silence: 200 * ms})
	k.step(50*ms, Event{Kind: Final, Spurt: 1, Text: "What are your opening hours?"})
	k.want(Listening)
	k.step(0, Event{Kind: TimerFired, Timer: EndpointTimer})
	k.want(Thinking, AdoptGuess)
}

func TestTheLastGuessWaitsForASilence(t *testing.T) {
	t.Parallel()
	k := guessing(t, 2)
	k.partial("are you open on sunday")
	k.want(Listening, StartGuess)
	k.partial("are you open on sunday the first of march")
	k.want(Listening, DropGuess)
	k.step(200*ms, Event{Kind: TimerFired, Timer: StableTimer})
	k.want(Listening)
	k.step(80*ms, Event{Kind: SpeechLull, Spurt: 1})
	k.want(Listening, StartGuess)
	k.partial("are you open on sunday the first of march and also on monday")
	k.want(Listening, DropGuess)
	k.step(80*ms, Event{Kind: SpeechLull, Spurt: 1})
	k.want(Listening)
	k.step(120*ms, Event{Kind: SpeechEnd, Spurt: 1, Voiced: 900 * ms, Silence: 200 * ms})
	k.want(Listening)
	k.step(50*ms, Event{Kind: Final, Spurt: 1, Text: "are you open on sunday the first of march and also on monday"})
	k.step(0, Event{Kind: TimerFired, Timer: EndpointTimer})
	k.want(Thinking, StartReply)
}

func TestAnOnlyGuessIsTakenAtOnce(t *testing.T) {
	t.Parallel()
	k := guessing(t, 1)
	k.partial("what are your opening hours")
	k.want(Listening, StartGuess)
}

func TestUnclearWordsAreAnsweredWhenTheyStandOrTheCallerFallsSilent(t *testing.T) {
	t.Parallel()
	const text = "the blue one" // asks for more than the least silence
	k := guessing(t, 2)
	k.partial(text)
	k.want(Listening)
	if after := k.timer(StableTimer); after != 200*ms {
		t.Errorf("the words must stand for %v, want 200ms", after)
	}
	k.step(200*ms, Event{Kind: TimerFired, Timer: StableTimer})
	k.want(Listening, StartGuess)

	k = guessing(t, 2)
	k.partial(text)
	k.want(Listening)
	k.step(80*ms, Event{Kind: SpeechLull, Spurt: 1})
	k.want(Listening, StartGuess)

	k = guessing(t, 2)
	k.partial("my name is")
	k.step(80*ms, Event{Kind: SpeechLull, Spurt: 1})
	k.want(Listening)
}

func TestALullThatIsNoneOfThisTalkspurtGuessesNothing(t *testing.T) {
	t.Parallel()
	k := guessing(t, 2)
	k.partial("the blue one")
	k.step(80*ms, Event{Kind: SpeechLull, Spurt: 7})
	k.want(Listening)
	k = guessing(t, 0)
	k.partial("what are your opening hours")
	k.step(80*ms, Event{Kind: SpeechLull, Spurt: 1})
	k.want(Listening)
}
