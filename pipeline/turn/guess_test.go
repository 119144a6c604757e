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

func (k *talk) lull() { k.step(60*ms, Event{Kind: SpeechLull, Spurt: 1}) }

func TestTheWordsAreAnsweredAsSoonAsTheCallerFallsSilent(t *testing.T) {
	t.Parallel()
	k := guessing(t, 2)
	k.partial("what are your opening") // it may be whole, and sound goes on
	k.want(Listening)
	k.partial("what are your opening hours")
	k.want(Listening)
	k.lull()
	k.want(Listening, StartGuess)
	k.step(140*ms, Event{Kind: SpeechEnd, Spurt: 1, Voiced: 900 * ms, Silence: 200 * ms})
	k.step(50*ms, Event{Kind: Final, Spurt: 1, Text: "What are your opening hours?"})
	k.want(Listening)
	k.step(0, Event{Kind: TimerFired, Timer: EndpointTimer})
	k.want(Thinking, AdoptGuess)
}

func TestWordsThatComeInASilenceAreAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	k := guessing(t, 2)
	k.partial("what are")
	k.lull()
	k.want(Listening)
	k.partial("what are your opening hours")
	k.want(Listening, StartGuess)
}

func TestWordsThatStandAreAnsweredInMidSpeechOnce(t *testing.T) {
	t.Parallel()
	k := guessing(t, 2)
	k.partial("are you open on sunday")
	if after := k.timer(StableTimer); after != 200*ms {
		t.Errorf("the words must stand for %v, want 200ms", after)
	}
	k.step(200*ms, Event{Kind: TimerFired, Timer: StableTimer})
	k.want(Listening, StartGuess)
	k.partial("are you open on sunday the first of march")
	k.want(Listening, DropGuess)
	k.step(200*ms, Event{Kind: TimerFired, Timer: StableTimer})
	k.want(Listening) // the other guess is for a silence
	k.lull()
	k.want(Listening, StartGuess)
	k.partial("are you open on sunday the first of march and also on monday")
	k.want(Listening, DropGuess)
	k.step(140*ms, Event{Kind: SpeechEnd, Spurt: 1, Voiced: 900 * ms, Silence: 200 * ms})
	k.want(Listening)
	k.step(50*ms, Event{Kind: Final, Spurt: 1, Text: "are you open on sunday the first of march and also on monday"})
	k.step(0, Event{Kind: TimerFired, Timer: EndpointTimer})
	k.want(Thinking, StartReply)
}

func TestAnOnlyGuessMayBeInMidSpeech(t *testing.T) {
	t.Parallel()
	k := guessing(t, 1)
	k.partial("what are your opening hours")
	k.step(200*ms, Event{Kind: TimerFired, Timer: StableTimer})
	k.want(Listening, StartGuess)
}

func TestWhatIsNoEndIsNotAnswered(t *testing.T) {
	t.Parallel()
	for name, happen := range map[string]func(k *talk){
		"words that ask for more":      func(k *talk) { k.partial("my name is"); k.lull() },
		"a lull of another talkspurt":  func(k *talk) { k.partial("the blue one"); k.step(60*ms, Event{Kind: SpeechLull, Spurt: 7}) },
		"words before speech goes on":  func(k *talk) { k.lull(); k.step(0, Event{Kind: SpeechResumed, Spurt: 1}); k.partial("the blue one") },
		"a silence before any words":   func(k *talk) { k.lull() },
		"an agent that does not guess": func(k *talk) { k.m.cfg.Speculation.PerTurn = 0; k.partial("the blue one"); k.lull() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := guessing(t, 2)
			happen(k)
			k.want(Listening)
		})
	}
}
