package turn

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatFollowsAFailureIsThePolicys(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		do     Rescue
		line   Line
		reason string // of the end; empty: the call goes on
	}{
		{"", Apology, ""},
		{Retry, Apology, ""},
		{Leave, Trouble, EndProvider},
		{HandOver, HandOff, EndRescue},
	} {
		t.Run(string(tc.do), func(t *testing.T) {
			t.Parallel()
			k := &talk{t: t, m: New(Config{OnFailure: OnFailure{Do: tc.do, Target: "desk"}})}
			k.step(0, Event{Kind: Answered})
			k.step(1000*ms, Event{Kind: AudioFinished, Utterance: 1})
			k.step(500*ms, Event{Kind: SpeechOnset, Spurt: 1})
			k.step(1000*ms, Event{Kind: SpeechEnd, Spurt: 1, Voiced: 800 * ms, Silence: 200 * ms})
			k.step(0, Event{Kind: Final, Spurt: 1, Text: "what are your opening hours"})
			k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
			k.step(100*ms, Event{Kind: ReplyFailed, Utterance: 2, Text: "all models failed"})
			k.want(Speaking, CancelReply, Speak)
			if got := k.did(Speak).Line; got != tc.line {
				t.Errorf("said %s, want %s", got, tc.line)
			}
			k.step(1000*ms, Event{Kind: AudioFinished, Utterance: 3})
			if tc.reason == "" {
				k.want(Listening)

				return
			}
			k.want(Idle, End)
			if got := k.did(End).Reason; got != tc.reason {
				t.Errorf("ended for %s, want %s", got, tc.reason)
			}
		})
	}
}

func TestACallWithoutARecogniserFromTheStartEndsByThePolicy(t *testing.T) {
	t.Parallel()
	for do, line := range map[Rescue]Line{Retry: Trouble, Leave: Trouble, HandOver: HandOff} {
		k := &talk{t: t, m: New(Config{OnFailure: OnFailure{Do: do}})}
		k.step(0, Event{Kind: RecogniserLost, Text: "connection refused"})
		k.want(Speaking, Speak)
		if got := k.did(Speak).Line; got != line {
			t.Errorf("%s: said %s, want %s", do, got, line)
		}
	}
}

// spends tells that the budget is spent, and wants the call to go on.
func (k *talk) spends(s State) {
	k.t.Helper()
	k.step(10*ms, Event{Kind: BudgetSpent})
	k.want(s)
}

// goodbye wants the last line of a spent budget in answer to text.
func (k *talk) goodbye(text string) {
	k.t.Helper()
	k.want(Speaking, Speak)
	want := Action{Kind: Speak, Utterance: k.did(Speak).Utterance, Line: BudgetGoodbye, Text: text}
	if d := cmp.Diff(want, k.did(Speak)); d != "" {
		k.t.Errorf("the last line (-want +got):\n%s", d)
	}
	k.step(2000*ms, Event{Kind: AudioFinished, Utterance: want.Utterance})
	k.want(Idle, End)
	if got := k.did(End).Reason; got != EndBudget {
		k.t.Errorf("ended for %s", got)
	}
}

func TestASpentBudgetLetsTheReplyBeHeard(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.spends(Speaking)
	k.step(2000*ms, Event{Kind: AudioFinished, Utterance: 2})
	k.goodbye("")
}

func TestASpentBudgetLetsTheCallerSpeak(t *testing.T) {
	t.Parallel()
	k := greeted(t)
	k.step(500*ms, Event{Kind: SpeechOnset, Spurt: 1})
	k.spends(Listening)
	k.step(1000*ms, Event{Kind: SpeechEnd, Spurt: 1, Voiced: 800 * ms, Silence: 200 * ms})
	k.step(0, Event{Kind: Final, Spurt: 1, Text: "thank you"})
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
	k.goodbye("thank you")
}

func TestASpentBudgetEndsASilence(t *testing.T) {
	t.Parallel()
	k := greeted(t)
	k.step(500*ms, Event{Kind: BudgetSpent})
	k.goodbye("")
}

func TestASpentBudgetMakesNoGuesses(t *testing.T) {
	t.Parallel()
	k := &talk{t: t, m: New(Config{Speculation: Speculation{PerTurn: 2}})}
	k.step(0, Event{Kind: Answered})
	k.step(1000*ms, Event{Kind: AudioFinished, Utterance: 1})
	k.step(500*ms, Event{Kind: SpeechOnset, Spurt: 1})
	k.spends(Listening)
	k.step(1000*ms, Event{Kind: SpeechEnd, Spurt: 1, Voiced: 800 * ms, Silence: 200 * ms})
	k.step(0, Event{Kind: Final, Spurt: 1, Text: "what are your opening hours"})
	k.want(Listening)
}

func TestTheLanguageChangesTheWordLists(t *testing.T) {
	t.Parallel()
	uhHuh := func(k *talk) {
		k.step(500*ms, Event{Kind: SpeechOnset, Spurt: 9, Level: -25})
		k.step(300*ms, Event{Kind: SpeechEnd, Spurt: 9, Voiced: 300 * ms, Silence: 100 * ms, Level: -25})
		k.step(0, Event{Kind: Final, Spurt: 9, Text: "ja genau"})
	}
	k := answering(t)
	uhHuh(k)
	k.want(Listening, Clear) // English words would not agree so

	k = answering(t)
	k.step(0, Event{Kind: LanguageChanged, Language: "de"})
	uhHuh(k)
	k.want(Speaking)
}
