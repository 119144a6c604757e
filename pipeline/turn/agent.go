package turn

import (
	"slices"
	"time"
)

// voice is what the agent says.
type voice uint8

const (
	nothing voice = iota
	line          // a fixed line that may be interrupted
	reply         // the model's words
	last          // the last line, which nothing interrupts
)

// answerWindow is how shortly before the end of the agent's words the caller
// may have said what then counts as an answer, although it was no reason to
// interrupt.
const answerWindow = time.Second

// maxWaiting bounds the announcements that wait. Each waits once.
const maxWaiting = 8

// promptGap is the shortest silence between a sound without words and a prompt
// that became due during it.
const promptGap = time.Second

// say begins a line that may be interrupted.
func (m *Machine) say(l Line, stage int) {
	m.begin(line)
	m.do(Action{Kind: Speak, Utterance: m.utterance, Line: l, Stage: stage})
	m.protected = slices.Contains(m.cfg.Protected, l)
	m.state = Speaking
	m.limitSpeech()
}

// begin makes the next utterance the current one.
func (m *Machine) begin(v voice) {
	m.number++
	m.use(m.number, v)
}

// use makes an utterance the current one.
func (m *Machine) use(utterance int, v voice) {
	m.utterance = utterance
	m.speaks, m.begun, m.done, m.failed, m.act = v, v != reply, false, false, ""
	m.protected, m.noted, m.starved, m.filler, m.working, m.asking = false, false, false, 0, 0, false
	m.stopTimer(IdleTimer)
}

// finish drops whatever goes on, says a last line and ends.
func (m *Machine) finish(l Line, reason string) { m.finishTurn("", l, reason) }

// finishTurn is finish in answer to a turn of the caller.
func (m *Machine) finishTurn(text string, l Line, reason string) {
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
	m.do(Action{Kind: Speak, Utterance: m.utterance, Line: l, Text: text})
	m.setTimer(FinishTimer, m.cfg.Finish+m.longer)
	m.state = Speaking
}

// cutOff stops the current utterance.
func (m *Machine) cutOff() {
	switch {
	case m.speaks == nothing:
	case !m.begun:
		m.do(Action{Kind: CancelReply, Utterance: m.utterance})
	default:
		m.do(Action{Kind: Clear, Utterance: m.utterance})
	}
	m.silent()
}

// silent notes that the current utterance is over.
func (m *Machine) silent() {
	if m.speaks != nothing {
		m.stopTimer(ReplyTimer)
		m.stopTimer(FillerTimer)
		m.stopTimer(SpeechTimer)
	}
	m.speaks, m.protected, m.noted, m.starved, m.filler, m.working, m.asking = nothing, false, false, false, 0, 0, false
}

// think waits for the first sound of the reply.
func (m *Machine) think() {
	m.state = Thinking
	m.awaitReply()
}

func (m *Machine) audioStarted(e Event) {
	if e.Utterance != m.utterance || m.speaks != reply || m.begun {
		return
	}
	m.stopTimer(ReplyTimer)
	m.stopTimer(FillerTimer)
	m.begun, m.filler = true, 0
	m.answered()
	if m.state == Thinking {
		m.state = Speaking
	}
	m.limitSpeech()
}

// limitSpeech has an utterance that never ends end.
func (m *Machine) limitSpeech() {
	if m.begun && !m.held && (m.speaks == line || m.speaks == reply) {
		m.setTimer(SpeechTimer, m.cfg.Speech)
	}
}

// speechTooLong gives the turn to the caller of an agent who talks on and on,
// or whose end was never told.
func (m *Machine) speechTooLong() {
	switch {
	case m.speaks != line && m.speaks != reply:
	case m.state == Interrupted: // the verdict is due
		m.setTimer(SpeechTimer, time.Second)
	case m.state == Speaking:
		m.cutOff()
		m.forgetCaller()
		m.listen()
		m.rest()
	}
}

func (m *Machine) audioFinished(e Event) {
	if e.Utterance == m.filler && m.filler != 0 {
		m.filled()

		return
	}
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
	noted := m.noted
	m.silent()
	switch {
	case m.endAfter != "":
		m.end(m.endAfter)

		return
	case m.failed:
		m.apologise()

		return
	case noted:
		m.yield()

		return
	case m.act == ActHangUp:
		m.leave(Goodbye, EndGoodbye)

		return
	case m.act == ActHandOff:
		m.leave(HandOff, EndHandOff)

		return
	}
	m.answered()
	m.listen()
	switch {
	case m.talking:
	case m.begun && len(m.heard) > 0 && m.now-m.lastLoud <= answerWindow:
		m.settle() // "yes" over the last words of a question answers it

		return
	default:
		m.forgetCaller()
	}
	m.rest()
}

// leave ends the call after the reply that asked for it. A reply without words
// gets a line.
func (m *Machine) leave(l Line, reason string) {
	switch {
	case !m.begun:
		m.finish(l, reason)
	case m.closing && l == Goodbye:
		m.finish(Closing, reason)
	default:
		m.end(reason)
	}
}

func (m *Machine) end(reason string) {
	m.endAfter = reason
	m.state = Idle
	m.do(Action{Kind: End, Reason: reason})
}

func (m *Machine) replyDone(e Event) {
	if e.Utterance == m.guess.utterance && e.Utterance != 0 {
		m.guess.done = &e

		return
	}
	if e.Utterance != m.utterance || m.speaks != reply {
		return
	}
	m.act = e.Act
	m.entry.ask(&e)
	m.failures = 0
	if e.Spoken {
		return // AudioFinished goes on
	}
	m.done = true
	if m.state == Thinking && m.filler == 0 {
		m.spoken()
	}
}

func (m *Machine) replyFailed(e Event) {
	if e.Utterance == m.guess.utterance && e.Utterance != 0 {
		m.dropGuess("it failed")

		return
	}
	if e.Utterance != m.utterance || m.speaks != reply {
		return
	}
	if m.begun { // what was made of it is heard first
		m.failed = true

		return
	}
	if m.talking {
		m.answered()
	} else {
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
		m.heard[i].final, m.heard[i].lost = true, true
		if m.state != Listening || m.text() != "" {
			m.settle()

			return
		}
		m.forgetCaller()
		m.apologise()
	}
}

// apologise drops whatever goes on after a provider failed. The last of
// several failures in a row ends the call, or the first one where Config says
// so.
func (m *Machine) apologise() {
	m.failures++
	switch {
	case m.cfg.OnFailure.Do == HandOver:
		m.finish(HandOff, EndRescue)

		return
	case m.cfg.OnFailure.Do == Leave, m.failures >= m.cfg.Failures:
		m.finish(Trouble, EndProvider)

		return
	}
	m.cutOff()
	m.stopTimer(EndpointTimer)
	m.stopTimer(FinalTimer)
	m.stopTimer(VerdictTimer)
	m.say(Apology, 0)
}

// tellTruth answers the caller in place of a model's reply, which may be heard
// already: the words that it answers came later than its beginning.
func (m *Machine) tellTruth() {
	if m.speaks == last {
		return
	}
	if m.talking {
		m.answered()
	} else {
		m.forgetCaller()
	}
	m.cutOff()
	m.stopTimer(EndpointTimer)
	m.stopTimer(FinalTimer)
	m.stopTimer(VerdictTimer)
	m.say(Truth, 0)
	m.protected = true
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
	if m.spent {
		m.finish(BudgetGoodbye, EndBudget)

		return
	}
	if len(m.waiting) > 0 {
		l := m.waiting[0]
		m.waiting = m.waiting[1:]
		m.say(l, 0)

		return
	}
	m.setTimer(IdleTimer, max(promptGap, m.idleAt-m.now))
}

// idle answers the caller's silence.
func (m *Machine) idle() {
	if m.state != Listening || m.talking || m.held || len(m.heard) > 0 {
		return
	}
	m.prompt(IdlePrompt)
}

// prompt asks a caller of whom no words came to speak. After the last prompt
// the call ends.
func (m *Machine) prompt(l Line) {
	if m.stage >= len(m.cfg.Idle) {
		m.finish(Goodbye, EndSilent)

		return
	}
	stage := m.stage
	m.stage++
	m.say(l, stage)
}
