package turn

import (
	"slices"
	"time"

	"trunkline/pipeline/bargein"
	"trunkline/pipeline/endpoint"
)

// State is whose turn it is.
type State string

// The states.
const (
	Idle        State = "idle"        // before the answer and after the end
	Listening   State = "listening"   // the caller has the turn
	Thinking    State = "thinking"    // the caller's turn is over, the reply is not heard yet
	Speaking    State = "speaking"    // the agent is heard
	Interrupted State = "interrupted" // the agent is paused until the caller's sound is judged
)

// Machine decides whose turn it is. The zero value is not usable: see New.
type Machine struct {
	cfg   Config
	state State
	now   time.Duration
	out   []Action

	// The agent's voice.
	number    int           // given to the latest utterance, or guess
	utterance int           // number of the current utterance
	speaks    voice         // what that utterance is
	begun     bool          // it is heard; a fixed line counts from its order
	done      bool          // its audio has finished, or it will have none
	failed    bool          // it ends early, and an apology follows
	act       string        // what the agent does once it was heard
	endAfter  string        // reason of the end that follows it; empty: none
	waiting   []Line        // announcements for when nobody speaks
	failures  int           // failed replies in a row
	spent     bool          // the call has cost as much as it may
	closing   bool          // the model's own goodbye is followed by a line
	longer    time.Duration // that last lines take
	protected bool          // the caller must hear what is being said
	noted     bool          // the caller interrupted that, and has the turn once it was heard

	// Waiting.
	starved bool          // the reply has run out of audio in its middle
	working int           // tools that the reply waits for
	asking  bool          // one of them waits for the caller's keys
	filler  int           // number of the filler that is heard; 0: none
	fillers int           // fillers said
	quiet   time.Duration // since when the caller, whose turn it is not, hears nothing

	// Guessing.
	guess   guess
	guesses int  // in this turn of the caller
	lulled  bool // the talkspurt that runs has fallen silent

	// The caller.
	entry    entry          // keys that the agent asked for
	heard    []spurt        // the talkspurts of the caller's turn
	over     int            // from which of them on they came over the agent's voice, or over its thinking
	talking  bool           // a talkspurt runs
	onset    time.Duration  // when the latest talkspurt began
	lastLoud time.Duration  // its last voiced frame
	voiced   time.Duration  // how much of it was voice
	level    float64        // its level in dBov
	habit    endpoint.Habit // how the caller pauses
	asked    endpoint.Asked // by the agent, before the caller's turn
	paused   time.Duration  // when the agent was paused for the caller
	doubted  time.Duration  // voice of the latest sound over the agent's, if that was too short for its doubtful words
	before   time.Duration  // the same of the sound that the latest one goes on with
	shape    bargein.Sound  // what the latest talkspurt sounds like
	sound    time.Duration  // voice in the talkspurts of the turn that have ended
	moment   bool           // the caller's latest words ask us to wait
	due      bool           // the silence was long enough; only the last words are missing
	dueAt    time.Duration  // since when
	timed    bool           // the turn timer runs
	stage    int            // prompts said in a row
	idleAt   time.Duration  // when the next prompt is due; noise does not put it off
	held     bool           // the caller put us on hold
}

// New makes a Machine in state Idle.
func New(c Config) *Machine {
	return &Machine{cfg: c.WithDefaults(), state: Idle}
}

// State is the current state.
func (m *Machine) State() State { return m.state }

// Step takes one event and returns what is to be done, in order. The slice is
// the caller's.
func (m *Machine) Step(e Event) []Action {
	m.out = nil
	m.now = max(m.now, e.At)
	if m.state == Idle {
		m.stepIdle(e)

		return m.out
	}
	switch e.Kind {
	case SpeechOnset:
		m.speechOnset(e)
	case SpeechLull, SpeechResumed:
		m.lull(e)
	case SpeechEnd:
		m.speechEnd(e)
	case Partial, Final:
		m.words(e)
	case TimerFired:
		m.timer(e.Timer)
	case AudioStarted:
		m.audioStarted(e)
	case AudioFinished:
		m.audioFinished(e)
	case AudioStarved:
		m.audioStarved(e)
	case AudioFed:
		m.audioFed(e)
	case ProtectedBegan:
		m.protected = m.protected || e.Utterance == m.utterance && m.speaks != nothing
	case ProtectedEnded:
		m.protectedEnded(e)
	case SpeechHeard:
		m.speechHeard(e)
	case Sounded:
		m.sounded(e)
	case ReplyDone:
		m.replyDone(e)
	case ReplyFailed:
		m.replyFailed(e)
	case ToolStarted:
		m.toolStarted(e)
	case ToolAsked:
		m.toolAsked(e)
	case ToolDone, ToolFailed:
		m.toolDone(e)
	case ContextChanged:
		m.dropGuess("the context changed")
		m.speculate()
	case BudgetSpent:
		m.spent = true
		m.dropGuess("the budget is spent")
		m.rest()
	case LanguageChanged:
		m.cfg.Endpoint.Language, m.cfg.Bargein.Language = e.Language, e.Language
		m.dropGuess("the language changed")
		m.speculate()
	case RecogniserLost:
		m.recogniserLost(e)
	case RecogniserBusy:
		m.finish(Busy, EndBusy)
	case HoldOn:
		m.held = true
		m.stopTimer(IdleTimer)
		m.stopTimer(ReplyTimer)
		m.stopTimer(FillerTimer)
		m.stopTimer(SpeechTimer)
	case HoldOff:
		m.held = false
		m.quiet = m.now
		m.awaitReply()
		m.limitSpeech()
		m.awaitCaller()
		m.rest()
	case KeyPressed:
		m.key(e.Text)
	case AnnounceAsked:
		if !slices.Contains(m.waiting, e.Line) && len(m.waiting) < maxWaiting {
			m.waiting = append(m.waiting, e.Line)
		}
		m.rest()
	case TruthAsked:
		m.tellTruth()
	case FinishAsked:
		m.finish(e.Line, e.Reason)
	}

	return m.out
}

func (m *Machine) stepIdle(e Event) {
	if m.endAfter != "" { // the call has ended: nothing counts any more, unless it comes back
		if e.Kind == ResumeAsked {
			m.endAfter, m.act, m.talking = "", "", false
			m.forgetCaller()
			m.say(e.Line, 0)
		}

		return
	}
	if e.Kind == Answered || e.Kind == RecogniserBusy || e.Kind == RecogniserLost {
		m.closing, m.longer = e.Closing, e.Took
		defer func() { m.protected = m.protected || e.Preface && m.speaks == line }()
	}
	switch e.Kind {
	case Answered:
		m.say(Greeting, 0)
	case RecogniserBusy:
		m.state = Listening
		m.finish(Busy, EndBusy)
	case RecogniserLost:
		if e.Spurt != 0 { // before the agent spoke: its next talkspurt tells whether it is gone
			return
		}
		// There is none, however often the caller tries.
		m.state, m.failures = Listening, m.cfg.Failures
		m.apologise()
	case FinishAsked:
		m.state = Listening
		m.finish(e.Line, e.Reason)
	}
}

func (m *Machine) timer(t Timer) {
	switch t {
	case EndpointTimer:
		if m.state != Listening || m.talking || len(m.heard) == 0 {
			return
		}
		m.due, m.dueAt = true, m.now
		if m.settled() {
			m.commit()
		} else {
			m.setTimer(FinalTimer, m.lastWords())
		}
	case FinalTimer: // what was heard so far has to do
		if m.state == Listening && m.due {
			m.commit()
		}
	case TurnTimer:
		m.timed = false
		if m.state == Listening && len(m.heard) > 0 {
			if m.talking {
				m.sound += m.now - m.onset
			}
			m.commit()
		}
	case VerdictTimer:
		if m.state == Interrupted {
			m.judge()
		}
	case ReplyTimer:
		switch {
		case m.state == Thinking:
			m.replyFailed(Event{Utterance: m.utterance})
		case m.state == Speaking && m.starved:
			m.apologise()
		}
	case FillerTimer:
		m.fill()
	case SpeechTimer:
		m.speechTooLong()
	case StableTimer:
		m.stable()
	case IdleTimer:
		m.idle()
	case FinishTimer:
		if m.speaks == last {
			m.do(Action{Kind: Clear, Utterance: m.utterance})
			m.end(m.endAfter)
		}
	}
}

func (m *Machine) do(a Action) { m.out = append(m.out, a) }

func (m *Machine) setTimer(t Timer, after time.Duration) {
	m.do(Action{Kind: SetTimer, Timer: t, After: after})
}

func (m *Machine) stopTimer(t Timer) { m.do(Action{Kind: StopTimer, Timer: t}) }
