package turn

import (
	"strings"
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

// Config tunes the machine. The zero value of a field takes the default that
// its comment gives.
type Config struct {
	Endpoint endpoint.Config `json:"endpoint"`
	Bargein  bargein.Config  `json:"bargein"`

	Idle     []time.Duration `json:"idle_ns"`             // silence before each prompt; after the last, goodbye: 8 s, 8 s
	Final    time.Duration   `json:"final_ns,omitempty"`  // longest wait for the recogniser's last words: 1 s
	Reply    time.Duration   `json:"reply_ns,omitempty"`  // longest wait for the first sound of a reply: 5 s
	Finish   time.Duration   `json:"finish_ns,omitempty"` // longest time that a last line may take: 10 s
	Failures int             `json:"failures,omitempty"`  // failures of a provider in a row that end the call: 2
}

// WithDefaults fills the fields that are zero.
func (c Config) WithDefaults() Config {
	c.Endpoint = c.Endpoint.WithDefaults()
	c.Bargein = c.Bargein.WithDefaults()
	if len(c.Idle) == 0 {
		c.Idle = []time.Duration{8 * time.Second, 8 * time.Second}
	}
	setDefault(&c.Final, time.Second)
	setDefault(&c.Reply, 5*time.Second)
	setDefault(&c.Finish, 10*time.Second)
	if c.Failures == 0 {
		c.Failures = 2
	}

	return c
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// Machine decides whose turn it is. The zero value is not usable: see New.
type Machine struct {
	cfg   Config
	state State
	now   time.Duration
	out   []Action

	// The agent's voice.
	utterance int    // number of the latest utterance
	speaks    voice  // what that utterance is
	done      bool   // its audio has finished, or it will have none
	act       string // what the agent does once it was heard
	endAfter  string // reason of the end that follows it; empty: none
	waiting   []Line // announcements for when nobody speaks
	failures  int    // failed replies in a row

	// The caller.
	heard    []spurt       // the talkspurts of the caller's turn
	talking  bool          // a talkspurt runs
	onset    time.Duration // when the latest talkspurt began
	lastLoud time.Duration // its last voiced frame
	voiced   time.Duration // how much of it was voice
	level    float64       // its level in dBov
	due      bool          // the silence was long enough; only the last words are missing
	stage    int           // idle prompts said in a row
	held     bool          // the caller put us on hold
}

// voice is what the agent says.
type voice uint8

const (
	nothing voice = iota
	line          // a fixed line that may be interrupted
	reply         // the model's words
	last          // the last line, which nothing interrupts
)

// spurt is one talkspurt's words.
type spurt struct {
	n     int
	text  string
	final bool
}

// answerWindow is how shortly before the end of the agent's words the caller
// may have said what then counts as an answer, although it was no reason to
// interrupt.
const answerWindow = time.Second

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
	case ReplyDone:
		m.replyDone(e)
	case ReplyFailed:
		m.replyFailed(e)
	case RecogniserLost:
		m.recogniserLost(e)
	case RecogniserBusy:
		m.finish(Busy, EndBusy)
	case HoldOn:
		m.held = true
		m.stopTimer(IdleTimer)
		m.stopTimer(ReplyTimer)
	case HoldOff:
		m.held = false
		if m.state == Thinking {
			m.setTimer(ReplyTimer, m.cfg.Reply)
		}
		m.rest()
	case AnnounceAsked:
		m.waiting = append(m.waiting, e.Line)
		m.rest()
	case FinishAsked:
		m.finish(e.Line, e.Reason)
	}

	return m.out
}

func (m *Machine) stepIdle(e Event) {
	if m.endAfter != "" { // the call has ended: nothing counts any more
		return
	}
	switch e.Kind {
	case Answered:
		m.say(Greeting, 0)
	case RecogniserBusy:
		m.state = Listening
		m.finish(Busy, EndBusy)
	case FinishAsked:
		m.state = Listening
		m.finish(e.Line, e.Reason)
	}
}

// The agent's side.

// say begins a line that may be interrupted.
func (m *Machine) say(l Line, stage int) {
	m.begin(line)
	m.do(Action{Kind: Speak, Utterance: m.utterance, Line: l, Stage: stage})
	m.state = Speaking
}

// begin makes the next utterance the current one.
func (m *Machine) begin(v voice) {
	m.utterance++
	m.speaks, m.done, m.act = v, false, ""
	m.stopTimer(IdleTimer)
}

// finish drops whatever goes on, says a last line and ends.
func (m *Machine) finish(l Line, reason string) {
	if m.speaks == last {
		return
	}
	m.cutOff()
	m.forgetCaller()
	m.stopTimer(EndpointTimer)
	m.stopTimer(FinalTimer)
	m.stopTimer(VerdictTimer)
	m.begin(last)
	m.endAfter = reason
	m.do(Action{Kind: Speak, Utterance: m.utterance, Line: l})
	m.setTimer(FinishTimer, m.cfg.Finish)
	m.state = Speaking
}

// cutOff stops the current utterance.
func (m *Machine) cutOff() {
	switch {
	case m.speaks == nothing:
	case m.state == Thinking:
		m.do(Action{Kind: CancelReply, Utterance: m.utterance})
		m.stopTimer(ReplyTimer)
	default:
		m.do(Action{Kind: Clear, Utterance: m.utterance})
	}
	m.speaks = nothing
}

func (m *Machine) audioStarted(e Event) {
	if e.Utterance != m.utterance || m.state != Thinking {
		return
	}
	m.stopTimer(ReplyTimer)
	m.failures = 0
	m.heard = nil // answered
	m.state = Speaking
}

func (m *Machine) audioFinished(e Event) {
	if e.Utterance != m.utterance || m.speaks == nothing {
		return
	}
	m.done = true
	if m.state == Speaking || m.state == Thinking {
		m.spoken()
	}
}

// spoken goes on after the current utterance was heard to its end.
func (m *Machine) spoken() {
	m.stopTimer(ReplyTimer)
	m.speaks = nothing
	switch {
	case m.endAfter != "":
		m.end(m.endAfter)

		return
	case m.act == ActHangUp:
		m.end(EndGoodbye)

		return
	case m.act == ActHandOff:
		m.end(EndHandOff)

		return
	}
	over := m.state == Speaking // what was heard, was heard over the agent's voice
	m.state = Listening
	switch {
	case m.talking:
	case over && len(m.heard) > 0 && m.now-m.lastLoud <= answerWindow:
		m.settle() // "yes" over the last words of a question answers it

		return
	default:
		m.forgetCaller()
	}
	m.rest()
}

func (m *Machine) end(reason string) {
	m.endAfter = reason
	m.state = Idle
	m.do(Action{Kind: End, Reason: reason})
}

func (m *Machine) replyDone(e Event) {
	if e.Utterance != m.utterance || m.speaks != reply {
		return
	}
	m.act = e.Act
	if e.Spoken {
		return // AudioFinished goes on
	}
	m.done = true
	if m.state == Thinking {
		m.spoken()
	}
}

func (m *Machine) replyFailed(e Event) {
	if e.Utterance != m.utterance || m.speaks != reply {
		return
	}
	if !m.talking {
		m.forgetCaller()
	}
	m.apologise()
}

// recogniserLost does with what was understood of the talkspurt before, and
// apologises when that is nothing. Sound over the agent's voice needs no
// apology.
func (m *Machine) recogniserLost(e Event) {
	for i := range m.heard {
		if m.heard[i].n != e.Spurt {
			continue
		}
		m.heard[i].final = true
		if m.state != Listening || m.text() != "" {
			m.settle()

			return
		}
		m.forgetCaller()
		m.apologise()
	}
}

// apologise drops whatever goes on after a provider failed. The last of
// several failures in a row ends the call.
func (m *Machine) apologise() {
	m.failures++
	if m.failures >= m.cfg.Failures {
		m.finish(Apology, EndProvider)

		return
	}
	m.cutOff()
	m.stopTimer(EndpointTimer)
	m.stopTimer(FinalTimer)
	m.stopTimer(VerdictTimer)
	m.say(Apology, 0)
}

// rest arms the idle timer, or says what waited, when nobody has anything to
// say.
func (m *Machine) rest() {
	if m.state != Listening || m.talking || m.held {
		return
	}
	if len(m.heard) > 0 {
		return // the caller's turn is not over: the endpoint timer runs
	}
	if len(m.waiting) > 0 {
		l := m.waiting[0]
		m.waiting = m.waiting[1:]
		m.say(l, 0)

		return
	}
	wait := m.cfg.Idle[min(m.stage, len(m.cfg.Idle)-1)]
	m.setTimer(IdleTimer, wait)
}

// The caller's side.

func (m *Machine) speechOnset(e Event) {
	if m.speaks == last {
		return
	}
	m.talking, m.due = true, false
	m.onset, m.lastLoud, m.voiced, m.level = m.now, m.now, 0, e.Level
	if m.state == Speaking {
		m.heard = nil // what was said over the agent before was judged
	}
	m.heard = append(m.heard, spurt{n: e.Spurt})
	m.stopTimer(IdleTimer)
	m.stopTimer(EndpointTimer)
	m.stopTimer(FinalTimer)
	switch m.state {
	case Speaking:
		m.do(Action{Kind: Pause, Utterance: m.utterance})
		m.state = Interrupted
		m.judge()
	case Thinking: // the caller goes on: the reply answered too early
		m.cutOff()
		m.state = Listening
	case Interrupted:
		m.judge()
	}
}

func (m *Machine) speechEnd(e Event) {
	if !m.talking {
		return
	}
	m.talking = false
	m.lastLoud, m.voiced = m.now-e.Silence, e.Voiced
	if e.Level != 0 {
		m.level = e.Level
	}
	m.settle()
}

func (m *Machine) words(e Event) {
	if m.speaks == last {
		return
	}
	for i := range m.heard {
		if m.heard[i].n == e.Spurt {
			m.heard[i].text, m.heard[i].final = e.Text, e.Kind == Final
			m.settle()

			return
		}
	}
}

// settle looks anew at the caller's turn after something was learnt of it.
func (m *Machine) settle() {
	switch {
	case m.state == Interrupted:
		m.judge()
	case m.state == Speaking && len(m.heard) > 0:
		m.reconsider()
	case m.state != Listening || m.talking || len(m.heard) == 0:
	case m.due && m.settled():
		m.commit()
	case !m.due:
		m.endpoint()
	}
}

// settled reports whether every talkspurt of the turn has its last words.
func (m *Machine) settled() bool {
	for _, s := range m.heard {
		if !s.final {
			return false
		}
	}

	return true
}

// text is what the caller said in the turn.
func (m *Machine) text() string {
	var parts []string
	for _, s := range m.heard {
		if s.text != "" {
			parts = append(parts, s.text)
		}
	}

	return strings.Join(parts, " ")
}

// endpoint decides how long the silence must last.
func (m *Machine) endpoint() {
	d := endpoint.Decide(m.cfg.Endpoint, m.text())
	m.do(Action{Kind: Endpoint, After: d.Wait, Reasons: d.Reasons})
	m.setTimer(EndpointTimer, max(0, m.lastLoud+d.Wait-m.now))
}

// commit takes the caller's turn.
func (m *Machine) commit() {
	m.stopTimer(FinalTimer)
	text := m.text()
	if text == "" {
		m.do(Action{Kind: Discard, Reasons: []string{"no words in it"}})
		m.forgetCaller()
		m.rest()

		return
	}
	m.stage = 0
	m.begin(reply)
	m.do(Action{Kind: StartReply, Utterance: m.utterance, Text: text})
	if !m.held {
		m.setTimer(ReplyTimer, m.cfg.Reply)
	}
	m.state = Thinking
	m.due = false
}

func (m *Machine) forgetCaller() {
	m.heard, m.talking, m.due = nil, false, false
}

// evidence is what is known about the speech over the agent's voice.
func (m *Machine) evidence() bargein.Evidence {
	voiced := m.voiced
	if m.talking {
		voiced = m.now - m.onset
	}

	return bargein.Evidence{
		Text: m.text(), Final: m.heard[len(m.heard)-1].final, Ended: !m.talking,
		Voiced: voiced, Elapsed: m.now - m.onset, Level: m.level,
	}
}

// judge weighs speech over the agent's voice, which is paused.
func (m *Machine) judge() {
	j := bargein.Judge(m.cfg.Bargein, m.evidence())
	if j.Verdict == bargein.Undecided {
		m.setTimer(VerdictTimer, max(20*time.Millisecond, m.onset+j.Again-m.now))

		return
	}
	m.do(Action{Kind: Judge, Text: string(j.Verdict), Utterance: m.utterance, Reasons: j.Reasons})
	m.stopTimer(VerdictTimer)
	if j.Verdict == bargein.Interruption {
		m.interrupt()

		return
	}
	m.do(Action{Kind: Discard, Text: m.text(), Reasons: j.Reasons})
	m.state = Speaking
	m.do(Action{Kind: Resume, Utterance: m.utterance})
	if m.done {
		m.spoken()
	}
}

// reconsider cuts the agent off after all, when words that come after the
// verdict ask for it: "uh-huh, but wait".
func (m *Machine) reconsider() {
	ev := m.evidence()
	if ev.Text == "" {
		return
	}
	if j := bargein.Judge(m.cfg.Bargein, ev); j.Verdict == bargein.Interruption {
		m.do(Action{Kind: Judge, Text: string(j.Verdict), Utterance: m.utterance, Reasons: j.Reasons})
		m.interrupt()
	}
}

// interrupt gives the turn to the caller.
func (m *Machine) interrupt() {
	m.cutOff()
	m.act = ""
	m.state = Listening
	m.settle()
}

func (m *Machine) timer(t Timer) {
	switch t {
	case EndpointTimer:
		if m.state != Listening || m.talking || len(m.heard) == 0 {
			return
		}
		m.due = true
		if m.settled() {
			m.commit()
		} else {
			m.setTimer(FinalTimer, m.cfg.Final)
		}
	case FinalTimer: // what was heard so far has to do
		if m.state == Listening && m.due {
			m.commit()
		}
	case VerdictTimer:
		if m.state == Interrupted {
			m.judge()
		}
	case ReplyTimer:
		if m.state == Thinking {
			m.replyFailed(Event{Utterance: m.utterance})
		}
	case IdleTimer:
		m.idle()
	case FinishTimer:
		if m.speaks == last {
			m.do(Action{Kind: Clear, Utterance: m.utterance})
			m.end(m.endAfter)
		}
	}
}

// idle answers the caller's silence.
func (m *Machine) idle() {
	if m.state != Listening || m.talking || m.held || len(m.heard) > 0 {
		return
	}
	if m.stage >= len(m.cfg.Idle) {
		m.finish(Goodbye, EndSilent)

		return
	}
	stage := m.stage
	m.stage++
	m.say(IdlePrompt, stage)
}

func (m *Machine) do(a Action) { m.out = append(m.out, a) }

func (m *Machine) setTimer(t Timer, after time.Duration) {
	m.do(Action{Kind: SetTimer, Timer: t, After: after})
}

func (m *Machine) stopTimer(t Timer) { m.do(Action{Kind: StopTimer, Timer: t}) }

// CallerText is what the caller has said in the turn that runs.
func (m *Machine) CallerText() string { return m.text() }

// CallerSpurts is how many talkspurts that turn has so far.
func (m *Machine) CallerSpurts() int { return len(m.heard) }
