package turn

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ms = time.Millisecond

// talk steps a machine and keeps what it did.
type talk struct {
	t   *testing.T
	m   *Machine
	now time.Duration
	got []Action
}

func begin(t *testing.T) *talk {
	t.Helper()
	k := &talk{t: t, m: New(Config{})}
	k.step(0, Event{Kind: Answered})

	return k
}

func (k *talk) step(after time.Duration, e Event) {
	k.now += after
	e.At = k.now
	k.got = k.m.Step(e)
}

// want checks the state and that the last step did the kinds of actions named,
// timers and explanations aside.
func (k *talk) want(s State, kinds ...ActionKind) {
	k.t.Helper()
	if k.m.State() != s {
		k.t.Fatalf("at %v: state %s, want %s", k.now, k.m.State(), s)
	}
	var got []ActionKind
	for _, a := range k.got {
		switch a.Kind {
		case SetTimer, StopTimer, Judge, Endpoint, Discard:
		default:
			got = append(got, a.Kind)
		}
	}
	if d := cmp.Diff(kinds, got); d != "" {
		k.t.Fatalf("at %v: actions (-want +got):\n%s", k.now, d)
	}
}

// timer is when the last step set a timer; it fails when it did not.
func (k *talk) timer(t Timer) time.Duration {
	k.t.Helper()
	for i := len(k.got) - 1; i >= 0; i-- {
		if a := k.got[i]; a.Timer == t && a.Kind == SetTimer {
			return a.After
		}
	}
	k.t.Fatalf("at %v: the timer %s was not set", k.now, t)

	return 0
}

// greeted is a talk in which the greeting was heard.
func greeted(t *testing.T) *talk {
	t.Helper()
	k := begin(t)
	k.want(Speaking, Speak)
	k.step(20*ms, Event{Kind: AudioStarted, Utterance: 1})
	k.step(2000*ms, Event{Kind: AudioFinished, Utterance: 1})
	k.want(Listening)

	return k
}

// asked is a talk in which the caller's turn has just become a reply.
func asked(t *testing.T, text string) *talk {
	t.Helper()
	k := greeted(t)
	k.step(500*ms, Event{Kind: SpeechOnset, Spurt: 1})
	k.want(Listening)
	k.step(1000*ms, Event{Kind: SpeechEnd, Spurt: 1, Voiced: 800 * ms, Silence: 200 * ms})
	k.step(100*ms, Event{Kind: Final, Spurt: 1, Text: text})
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
	k.want(Thinking, StartReply)

	return k
}

// answering is a talk in which the reply is heard.
func answering(t *testing.T) *talk {
	t.Helper()
	k := asked(t, "what are your opening hours")
	k.step(300*ms, Event{Kind: AudioStarted, Utterance: 2})
	k.want(Speaking)

	return k
}

func TestACallerAsksAndIsAnswered(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(100*ms, Event{Kind: ReplyDone, Utterance: 2, Spoken: true})
	k.want(Speaking)
	k.step(2000*ms, Event{Kind: AudioFinished, Utterance: 2})
	k.want(Listening)
	if got := k.timer(IdleTimer); got != 8*time.Second {
		t.Fatalf("idle after %v", got)
	}
}

func TestTheReplyWaitsForTheLastWords(t *testing.T) {
	t.Parallel()
	k := greeted(t)
	k.step(0, Event{Kind: SpeechOnset, Spurt: 1})
	k.step(900*ms, Event{Kind: Partial, Spurt: 1, Text: "what are your"})
	k.step(100*ms, Event{Kind: SpeechEnd, Spurt: 1, Voiced: 800 * ms, Silence: 200 * ms})
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
	k.want(Listening)
	if got := k.timer(FinalTimer); got <= leastFinal || got >= time.Second { // some of it passed while the turn looked unfinished
		t.Fatalf("waits %v for the last words", got)
	}
	k.step(50*ms, Event{Kind: Final, Spurt: 1, Text: "what are your hours"})
	k.want(Thinking, StartReply)
}

// TestHowLongLastWordsAreWaitedFor waits less where the silence was long, and
// not less where there are no words to answer.
func TestHowLongLastWordsAreWaitedFor(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]time.Duration{
		"":                  {time.Second, time.Second},
		"when are you open": {900 * ms, time.Second},
		"what are your":     {leastFinal, 500 * ms},
	} {
		k := greeted(t)
		k.step(0, Event{Kind: SpeechOnset, Spurt: 1})
		k.step(900*ms, Event{Kind: Partial, Spurt: 1, Text: text})
		k.step(100*ms, Event{Kind: SpeechEnd, Spurt: 1, Voiced: 800 * ms, Silence: 200 * ms})
		k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
		if got := k.timer(FinalTimer); got < want[0] || got > want[1] {
			t.Errorf("%q: waits %v for the last words", text, got)
		}
	}
}

// TestWordsThatAreLostAreNotWaitedFor has the recogniser fail in mid-sentence.
func TestWordsThatAreLostAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	k := greeted(t)
	k.step(0, Event{Kind: SpeechOnset, Spurt: 1})
	k.step(900*ms, Event{Kind: Partial, Spurt: 1, Text: "i would like to come on the"})
	k.step(50*ms, Event{Kind: RecogniserLost, Spurt: 1, Text: "it broke off"})
	k.step(50*ms, Event{Kind: SpeechEnd, Spurt: 1, Voiced: 800 * ms, Silence: 200 * ms})
	if got := k.timer(EndpointTimer); got != 600*ms { // of 800 ms
		t.Errorf("waits %v", got)
	}
	k.step(600*ms, Event{Kind: TimerFired, Timer: EndpointTimer})
	k.want(Thinking, StartReply)
}

func TestLastWordsThatNeverComeAreDoneWithout(t *testing.T) {
	t.Parallel()
	k := greeted(t)
	k.step(0, Event{Kind: SpeechOnset, Spurt: 1})
	k.step(900*ms, Event{Kind: Partial, Spurt: 1, Text: "when are you open"})
	k.step(100*ms, Event{Kind: SpeechEnd, Spurt: 1, Voiced: 800 * ms, Silence: 200 * ms})
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
	k.step(k.timer(FinalTimer), Event{Kind: TimerFired, Timer: FinalTimer})
	k.want(Thinking, StartReply)
}

func TestACallerWhoGoesOnTakesTheTurnBack(t *testing.T) {
	t.Parallel()
	k := asked(t, "i would like to book")
	k.step(50*ms, Event{Kind: SpeechOnset, Spurt: 2})
	k.want(Interrupted, Pause)
	k.step(300*ms, Event{Kind: Partial, Spurt: 2, Text: "an appointment"})
	k.want(Listening, CancelReply)
	k.step(300*ms, Event{Kind: SpeechEnd, Spurt: 2, Voiced: 400 * ms, Silence: 200 * ms})
	k.step(50*ms, Event{Kind: Final, Spurt: 2, Text: "an appointment"})
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
	k.want(Thinking, StartReply)
	for _, a := range k.got {
		if a.Kind == StartReply && a.Text != "i would like to book an appointment" {
			t.Fatalf("the turn is %q", a.Text)
		}
	}
}

func TestALongSoundWhileTheAgentThinksTakesTheTurnBack(t *testing.T) {
	t.Parallel()
	k := asked(t, "i would like to book")
	k.step(50*ms, Event{Kind: SpeechOnset, Spurt: 2, Level: -20})
	for range 2 {
		k.want(Interrupted, k.pausing()...)
		k.step(k.timer(VerdictTimer), Event{Kind: TimerFired, Timer: VerdictTimer})
	}
	k.want(Listening, CancelReply)
}

// pausing is the pause of the last step, if it paused.
func (k *talk) pausing() []ActionKind {
	if slices.ContainsFunc(k.got, func(a Action) bool { return a.Kind == Pause }) {
		return []ActionKind{Pause}
	}

	return nil
}

func TestACoughWhileTheAgentThinksCostsNoReply(t *testing.T) {
	t.Parallel()
	k := asked(t, "what are your opening hours")
	k.step(50*ms, Event{Kind: SpeechOnset, Spurt: 2, Level: -25})
	k.want(Interrupted, Pause)
	k.step(300*ms, Event{Kind: SpeechEnd, Spurt: 2, Voiced: 120 * ms, Silence: 200 * ms, Level: -25})
	k.want(Thinking, Resume)
	k.timer(ReplyTimer)
	k.step(50*ms, Event{Kind: Final, Spurt: 2})
	k.want(Thinking)
	k.step(300*ms, Event{Kind: AudioStarted, Utterance: 2})
	k.want(Speaking)
	k.step(2*time.Second, Event{Kind: AudioFinished, Utterance: 2})
	k.want(Listening)
	k.timer(IdleTimer)
}

func TestWordsAfterACoughWhileTheAgentThinksTakeTheTurnBack(t *testing.T) {
	t.Parallel()
	k := asked(t, "i would like to come")
	k.step(50*ms, Event{Kind: SpeechOnset, Spurt: 2, Level: -25})
	k.step(480*ms, Event{Kind: SpeechEnd, Spurt: 2, Voiced: 280 * ms, Silence: 200 * ms, Level: -25})
	k.want(Thinking, Resume)
	k.step(100*ms, Event{Kind: Final, Spurt: 2, Text: "on monday"})
	k.want(Listening, CancelReply)
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
	k.answers("i would like to come on monday")
}

func TestASoundThatMeetsTheFirstWordOfTheReplyIsJudgedAsBargeIn(t *testing.T) {
	t.Parallel()
	k := asked(t, "what are your opening hours")
	k.step(50*ms, Event{Kind: SpeechOnset, Spurt: 2, Level: -25})
	k.step(0, Event{Kind: AudioStarted, Utterance: 2}) // left just before the pause
	k.want(Interrupted)
	k.step(300*ms, Event{Kind: Partial, Spurt: 2, Text: "on monday please"})
	k.want(Listening, Clear)
	k.step(300*ms, Event{Kind: SpeechEnd, Spurt: 2, Voiced: 400 * ms, Silence: 200 * ms})
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
	k.step(k.timer(FinalTimer), Event{Kind: TimerFired, Timer: FinalTimer})
	k.answers("on monday please")
}

func TestAnInterruptionPausesThenCutsTheAgentOff(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(800*ms, Event{Kind: SpeechOnset, Spurt: 2})
	k.want(Interrupted, Pause)
	k.step(300*ms, Event{Kind: Partial, Spurt: 2, Text: "wait"})
	k.want(Listening, Clear)
	k.step(500*ms, Event{Kind: SpeechEnd, Spurt: 2, Voiced: 600 * ms, Silence: 200 * ms})
	k.step(50*ms, Event{Kind: Final, Spurt: 2, Text: "wait where are you located"})
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
	k.want(Thinking, StartReply)
}

func TestACoughAndABackchannelLetTheAgentGoOn(t *testing.T) {
	t.Parallel()
	for name, words := range map[string]string{"cough": "", "backchannel": "uh huh"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := answering(t)
			k.step(800*ms, Event{Kind: SpeechOnset, Spurt: 2})
			k.want(Interrupted, Pause)
			k.step(380*ms, Event{Kind: SpeechEnd, Spurt: 2, Voiced: 180 * ms, Silence: 200 * ms, Level: -25})
			if k.m.State() == Interrupted {
				k.step(50*ms, Event{Kind: Final, Spurt: 2, Text: words})
			}
			k.want(Speaking, Resume)
			k.step(2000*ms, Event{Kind: AudioFinished, Utterance: 2})
			k.want(Listening)
		})
	}
}

func TestWordsAfterTheVerdictStillInterrupt(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(800*ms, Event{Kind: SpeechOnset, Spurt: 2, Level: -25})
	k.step(450*ms, Event{Kind: Partial, Spurt: 2, Text: "uh huh"})
	k.want(Speaking, Resume)
	k.step(400*ms, Event{Kind: Partial, Spurt: 2, Text: "uh huh but wait a moment"})
	k.want(Listening, Clear)
}

func TestAShortSoundWithDoubtfulWordsLetsTheAgentGoOn(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(800*ms, Event{Kind: SpeechOnset, Spurt: 2, Level: -25})
	k.step(300*ms, Event{Kind: Partial, Spurt: 2, Text: "nine", Confidence: 0.01})
	k.step(150*ms, Event{Kind: TimerFired, Timer: VerdictTimer})
	k.want(Interrupted)
	k.step(100*ms, Event{Kind: SpeechEnd, Spurt: 2, Voiced: 350 * ms, Silence: 200 * ms, Level: -25})
	k.step(50*ms, Event{Kind: Final, Spurt: 2, Text: "nine", Confidence: 0.2})
	k.want(Speaking, Resume)
}

func TestTwoShortSoundsWithDoubtfulWordsAreJudgedTogether(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(800*ms, Event{Kind: SpeechOnset, Spurt: 2, Level: -25})
	k.step(200*ms, Event{Kind: Partial, Spurt: 2, Text: "no", Confidence: 0.01})
	k.step(500*ms, Event{Kind: SpeechEnd, Spurt: 2, Voiced: 500 * ms, Silence: 200 * ms, Level: -25})
	k.step(50*ms, Event{Kind: Final, Spurt: 2, Text: "no that", Confidence: 0.2})
	k.want(Speaking, Respeak)
	k.step(200*ms, Event{Kind: SpeechOnset, Spurt: 3, Level: -25})
	k.step(200*ms, Event{Kind: Partial, Spurt: 3, Text: "five", Confidence: 0.01})
	k.step(500*ms, Event{Kind: SpeechEnd, Spurt: 3, Voiced: 500 * ms, Silence: 200 * ms, Level: -25})
	k.want(Listening, Clear)
	k.step(50*ms, Event{Kind: Final, Spurt: 3, Text: "friday", Confidence: 0.2})
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
	k.answers("no that friday")
}

func TestDoubtfulWordsGoOnWithATurnThatWasNotAnsweredYet(t *testing.T) {
	t.Parallel()
	k := asked(t, "i would like to come")
	k.step(200*ms, Event{Kind: SpeechOnset, Spurt: 2, Level: -25})
	k.step(500*ms, Event{Kind: SpeechEnd, Spurt: 2, Voiced: 300 * ms, Silence: 200 * ms, Level: -25})
	k.step(50*ms, Event{Kind: Final, Spurt: 2, Text: "tuesday", Confidence: 0.1})
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
	k.answers("i would like to come tuesday")
}

func TestAgreementOverTheLastWordsOfAQuestionAnswersIt(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(800*ms, Event{Kind: SpeechOnset, Spurt: 2, Level: -25})
	k.step(480*ms, Event{Kind: SpeechEnd, Spurt: 2, Voiced: 280 * ms, Silence: 200 * ms, Level: -25})
	k.want(Speaking, Resume) // too short to interrupt, and no words yet
	k.step(100*ms, Event{Kind: AudioFinished, Utterance: 2})
	k.want(Listening)
	k.step(50*ms, Event{Kind: Final, Spurt: 2, Text: "yes"})
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
	k.want(Thinking, StartReply)
}

func TestATurnAnsweredWithoutWordsIsNotAnsweredAgain(t *testing.T) {
	t.Parallel()
	k := asked(t, "my name is anna")
	k.step(100*ms, Event{Kind: ReplyDone, Utterance: 2, Act: "note"})
	k.want(Listening)
	k.timer(IdleTimer)
}

func TestACoughOverTheLastWordsAnswersNothing(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(800*ms, Event{Kind: SpeechOnset, Spurt: 2, Level: -25})
	k.step(480*ms, Event{Kind: SpeechEnd, Spurt: 2, Voiced: 280 * ms, Silence: 200 * ms, Level: -25})
	k.step(100*ms, Event{Kind: AudioFinished, Utterance: 2})
	k.step(50*ms, Event{Kind: Final, Spurt: 2})
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
	k.want(Listening)
	k.timer(IdleTimer)
}

// lost is a talk in which the recogniser fails in the caller's talkspurt.
func lost(k *talk, spurt int) {
	k.step(500*ms, Event{Kind: SpeechOnset, Spurt: spurt})
	k.step(time.Second, Event{Kind: SpeechEnd, Spurt: spurt, Voiced: 800 * ms, Silence: 200 * ms})
	k.step(50*ms, Event{Kind: RecogniserLost, Spurt: spurt, Text: "behind"})
}

func TestARecogniserThatFailsOnceCostsAnApologyAndTwiceTheCall(t *testing.T) {
	t.Parallel()
	k := greeted(t)
	lost(k, 1)
	k.want(Speaking, Speak)
	k.step(time.Second, Event{Kind: AudioFinished, Utterance: 2})
	k.want(Listening)
	lost(k, 2)
	k.want(Speaking, Speak)
	k.step(time.Second, Event{Kind: AudioFinished, Utterance: 3})
	k.want(Idle, End)
	if got := k.got[len(k.got)-1].Reason; got != EndProvider {
		t.Fatalf("ended for %q", got)
	}
}

func TestWhatTheRecogniserUnderstoodBeforeItFailedHasToDo(t *testing.T) {
	t.Parallel()
	k := greeted(t)
	k.step(500*ms, Event{Kind: SpeechOnset, Spurt: 1})
	k.step(700*ms, Event{Kind: Partial, Spurt: 1, Text: "when are you open"})
	k.step(300*ms, Event{Kind: SpeechEnd, Spurt: 1, Voiced: 800 * ms, Silence: 200 * ms})
	k.step(50*ms, Event{Kind: RecogniserLost, Spurt: 1, Text: "behind"})
	k.want(Listening)
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
	k.want(Thinking, StartReply)
}

func TestARecogniserThatFailsOverTheAgentsVoiceLetsItGoOn(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(500*ms, Event{Kind: SpeechOnset, Spurt: 2, Level: -25})
	k.want(Interrupted, Pause)
	k.step(300*ms, Event{Kind: RecogniserLost, Spurt: 2, Text: "behind"})
	k.want(Speaking, Resume)
}

func TestSilenceIsAnsweredInStages(t *testing.T) {
	t.Parallel()
	k := greeted(t)
	for stage := range 2 {
		k.step(8*time.Second, Event{Kind: TimerFired, Timer: IdleTimer})
		k.want(Speaking, Speak)
		k.step(2*time.Second, Event{Kind: AudioFinished, Utterance: 2 + stage})
		k.want(Listening)
	}
	k.step(8*time.Second, Event{Kind: TimerFired, Timer: IdleTimer})
	k.want(Speaking, Speak)
	k.step(2*time.Second, Event{Kind: AudioFinished, Utterance: 4})
	k.want(Idle, End)
	if k.got[len(k.got)-1].Reason != EndSilent {
		t.Fatalf("ended for %q", k.got[len(k.got)-1].Reason)
	}
}

func TestNoPromptWhileOnHold(t *testing.T) {
	t.Parallel()
	k := greeted(t)
	k.step(time.Second, Event{Kind: HoldOn})
	k.step(8*time.Second, Event{Kind: TimerFired, Timer: IdleTimer})
	k.want(Listening)
	k.step(time.Minute, Event{Kind: HoldOff})
	k.timer(IdleTimer)
}

func TestAGoodbyeEndsTheCallOnceHeard(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(0, Event{Kind: ReplyDone, Utterance: 2, Spoken: true, Act: ActHangUp})
	k.want(Speaking)
	k.step(time.Second, Event{Kind: AudioFinished, Utterance: 2})
	k.want(Idle, End)
}

func TestAnInterruptedGoodbyeDoesNotEndTheCall(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(0, Event{Kind: ReplyDone, Utterance: 2, Spoken: true, Act: ActHangUp})
	k.step(100*ms, Event{Kind: SpeechOnset, Spurt: 2})
	k.step(300*ms, Event{Kind: Partial, Spurt: 2, Text: "wait one more question"})
	k.want(Listening, Clear)
	k.step(time.Second, Event{Kind: AudioFinished, Utterance: 2})
	k.want(Listening)
}

func TestTheLastLineIsNotInterrupted(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(0, Event{Kind: FinishAsked, Line: CapGoodbye, Reason: "cap_reached"})
	k.want(Speaking, Clear, Speak)
	k.step(500*ms, Event{Kind: SpeechOnset, Spurt: 2})
	k.want(Speaking)
	k.step(2*time.Second, Event{Kind: AudioFinished, Utterance: 3})
	k.want(Idle, End)
}

func TestALastLineThatHangsEndsTheCallAllTheSame(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(0, Event{Kind: FinishAsked, Line: CapGoodbye, Reason: "cap_reached"})
	k.step(k.timer(FinishTimer), Event{Kind: TimerFired, Timer: FinishTimer})
	k.want(Idle, Clear, End)
}

func TestFailedRepliesApologiseAndThenEnd(t *testing.T) {
	t.Parallel()
	k := asked(t, "what are your opening hours")
	k.step(k.timer(ReplyTimer), Event{Kind: TimerFired, Timer: ReplyTimer})
	k.want(Speaking, CancelReply, Speak)
	k.step(time.Second, Event{Kind: AudioFinished, Utterance: 3})
	k.step(0, Event{Kind: SpeechOnset, Spurt: 2})
	k.step(time.Second, Event{Kind: SpeechEnd, Spurt: 2, Voiced: 800 * ms, Silence: 200 * ms})
	k.step(0, Event{Kind: Final, Spurt: 2, Text: "where are you"})
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
	k.step(0, Event{Kind: ReplyFailed, Utterance: 4, Text: "model: 500"})
	k.want(Speaking, CancelReply, Speak)
	k.step(time.Second, Event{Kind: AudioFinished, Utterance: 5})
	k.want(Idle, End)
}

func TestAReplyThatFailsInMidSpeechIsHeardBeforeTheApology(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(100*ms, Event{Kind: ReplyFailed, Utterance: 2, Text: "model: 500"})
	k.want(Speaking)
	k.step(time.Second, Event{Kind: AudioFinished, Utterance: 2})
	k.want(Speaking, Speak)
	if got := k.did(Speak).Line; got != Apology {
		t.Errorf("said %s", got)
	}
}

func TestAnInterruptedFailureNeedsNoApology(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(100*ms, Event{Kind: ReplyFailed, Utterance: 2, Text: "model: 500"})
	k.step(100*ms, Event{Kind: SpeechOnset, Spurt: 2, Level: -20})
	k.step(300*ms, Event{Kind: Partial, Spurt: 2, Text: "wait a moment"})
	k.want(Listening, Clear)
	k.step(100*ms, Event{Kind: AudioFinished, Utterance: 2})
	k.want(Listening)
}

func TestAnAnnouncementWaitsUntilNobodySpeaks(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(0, Event{Kind: AnnounceAsked, Line: CapWarning})
	k.want(Speaking)
	k.step(0, Event{Kind: AnnounceAsked, Line: CapWarning})
	k.step(time.Second, Event{Kind: AudioFinished, Utterance: 2})
	k.want(Speaking, Speak)
	k.step(time.Second, Event{Kind: AudioFinished, Utterance: 3})
	k.want(Listening) // it was said once
}

func TestABusyRecogniserIsSaidAloud(t *testing.T) {
	t.Parallel()
	m := New(Config{})
	got := m.Step(Event{Kind: RecogniserBusy})
	if m.State() != Speaking || got[0].Kind == End {
		t.Fatalf("state %s, actions %v", m.State(), got)
	}
	m.Step(Event{Kind: AudioFinished, Utterance: 1})
	if m.State() != Idle {
		t.Fatalf("state %s after the busy line", m.State())
	}
}

// did is the last step's action of a kind.
func (k *talk) did(kind ActionKind) Action {
	k.t.Helper()
	i := slices.IndexFunc(k.got, func(a Action) bool { return a.Kind == kind })
	if i < 0 {
		k.t.Fatalf("at %v: no %s: %v", k.now, kind, k.got)
	}

	return k.got[i]
}

// answers checks that the last step asked for a reply to text.
func (k *talk) answers(text string) {
	k.t.Helper()
	if got := k.did(StartReply).Text; got != text {
		k.t.Errorf("at %v: answers %q, want %q", k.now, got, text)
	}
}

// sound is a talkspurt of the caller without words.
func (k *talk) sound(spurt int, voiced time.Duration) {
	k.step(100*ms, Event{Kind: SpeechOnset, Spurt: spurt, Level: -20})
	k.step(voiced+200*ms, Event{Kind: SpeechEnd, Spurt: spurt, Voiced: voiced, Silence: 200 * ms})
	k.step(100*ms, Event{Kind: Final, Spurt: spurt})
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
}

func TestMusicOnHoldIsNotTheCaller(t *testing.T) {
	t.Parallel()
	k := greeted(t)
	k.step(0, Event{Kind: HoldOn})
	k.step(500*ms, Event{Kind: SpeechOnset, Spurt: 1, Level: -20})
	k.step(900*ms, Event{Kind: SpeechEnd, Spurt: 1, Voiced: 700 * ms, Silence: 200 * ms})
	k.step(100*ms, Event{Kind: Final, Spurt: 1, Text: "love me do"})
	k.want(Listening)
	if len(k.got) != 0 {
		t.Errorf("took the music for the caller: %v", k.got)
	}
}

func TestATalkspurtThatNeverEndsEndsItsTurn(t *testing.T) {
	t.Parallel()
	k := greeted(t)
	k.step(0, Event{Kind: SpeechOnset, Spurt: 1, Level: -20})
	limit := k.timer(TurnTimer)
	k.step(limit-time.Second, Event{Kind: Partial, Spurt: 1, Text: "and another thing"})
	k.step(time.Second, Event{Kind: TimerFired, Timer: TurnTimer})
	k.want(Thinking, StartReply)
	k.step(ms, Event{Kind: Partial, Spurt: 1, Text: "and another thing is that"})
	k.want(Thinking)
}

func TestAnInterruptionThatNeverEndsEndsItsTurn(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(time.Second, Event{Kind: SpeechOnset, Spurt: 2, Level: -20})
	k.step(300*ms, Event{Kind: Partial, Spurt: 2, Text: "wait a moment"})
	k.want(Listening, Clear)
	k.step(k.timer(TurnTimer), Event{Kind: TimerFired, Timer: TurnTimer})
	k.want(Thinking, StartReply)
}

func TestNoiseDoesNotPutOffThePrompt(t *testing.T) {
	t.Parallel()
	k := greeted(t)
	k.step(5*time.Second, Event{Kind: HoldOff}) // the wait is 8 s from here
	k.step(5*time.Second, Event{})
	k.sound(1, 100*ms)
	k.want(Listening)
	if left := k.timer(IdleTimer); left < time.Second || left >= 3*time.Second {
		t.Errorf("the prompt is %v away", left)
	}
	k.step(3*time.Second, Event{})
	k.sound(2, 100*ms)
	if left := k.timer(IdleTimer); left != time.Second {
		t.Errorf("the prompt that is due is %v away", left)
	}
}

func TestLongSoundWithoutWordsIsAskedAbout(t *testing.T) {
	t.Parallel()
	k := greeted(t)
	for n, line := range []Line{NotHeard, NotHeard, Goodbye} {
		k.sound(n+1, 1200*ms)
		k.want(Speaking, Speak)
		if got := k.did(Speak).Line; got != line {
			t.Errorf("said %s, want %s", got, line)
		}
		k.step(2*time.Second, Event{Kind: AudioFinished, Utterance: n + 2})
	}
	k.want(Idle, End)
}

func TestKeysAreTheCallersWords(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(100*ms, Event{Kind: KeyPressed, Text: "4"})
	k.want(Listening, Clear)
	k.step(300*ms, Event{Kind: KeyPressed, Text: "2"})
	if got := k.timer(EndpointTimer); got != 2*time.Second {
		t.Errorf("waits %v for the next key", got)
	}
	k.step(300*ms, Event{Kind: KeyPressed, Text: "#"})
	k.answers("42")
	k.step(100*ms, Event{Kind: KeyPressed, Text: "7"}) // before the answer
	k.want(Listening, CancelReply)
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
	k.answers("427")
}

func TestKeysJoinWhatTheCallerSays(t *testing.T) {
	t.Parallel()
	k := greeted(t)
	k.step(0, Event{Kind: SpeechOnset, Spurt: 1})
	k.step(800*ms, Event{Kind: SpeechEnd, Spurt: 1, Voiced: 600 * ms, Silence: 200 * ms})
	k.step(50*ms, Event{Kind: KeyPressed, Text: "5"})
	k.step(50*ms, Event{Kind: Final, Spurt: 1, Text: "my number is"})
	if got := k.timer(EndpointTimer); got != 1950*ms {
		t.Errorf("waits %v for the next key", got)
	}
	k.step(1950*ms, Event{Kind: TimerFired, Timer: EndpointTimer})
	k.answers("my number is 5")
}

func TestAKeyEndsTheDoubtAboutASound(t *testing.T) {
	t.Parallel()
	k := answering(t)
	k.step(time.Second, Event{Kind: SpeechOnset, Spurt: 2, Level: -20})
	k.want(Interrupted, Pause)
	k.step(50*ms, Event{Kind: KeyPressed, Text: "1"})
	k.want(Listening, Clear)
	k.step(300*ms, Event{Kind: SpeechEnd, Spurt: 2, Voiced: 100 * ms, Silence: 200 * ms})
	k.step(50*ms, Event{Kind: Final, Spurt: 2})
	k.step(k.timer(EndpointTimer), Event{Kind: TimerFired, Timer: EndpointTimer})
	k.answers("1")
}

func BenchmarkStep(b *testing.B) {
	for b.Loop() {
		m := New(Config{})
		m.Step(Event{Kind: Answered})
		m.Step(Event{Kind: AudioFinished, Utterance: 1, At: time.Second})
	}
}
