package turn

// awaitReply waits for the agent's voice: for the first sound of a reply, or
// for the next one of a reply that has run dry.
func (m *Machine) awaitReply() {
	if m.held || m.state != Thinking && (m.state != Speaking || !m.starved) {
		return
	}
	if m.working == 0 {
		m.setTimer(ReplyTimer, m.cfg.Reply)
	}
	m.awaitFiller()
}

// toolStarted lets a reply take as long as its tools need: each has a deadline
// of its own.
func (m *Machine) toolStarted(e Event) {
	if e.Utterance != m.utterance || m.speaks != reply {
		return
	}
	m.working++
	m.stopTimer(ReplyTimer)
}

// toolAsked has the caller asked for keys. Whoever is asked waits for nothing,
// so there is no filler until the tools are done.
func (m *Machine) toolAsked(e Event) {
	if e.Utterance != m.utterance || m.working == 0 {
		return
	}
	m.asking = true
	m.stopTimer(FillerTimer)
	m.number++
	m.do(Action{Kind: Interject, Utterance: m.number, Line: Ask})
}

// toolDone waits for the reply again after the last of its tools.
func (m *Machine) toolDone(e Event) {
	if e.Utterance != m.utterance || m.working == 0 {
		return
	}
	m.working--
	if m.working == 0 {
		if m.asking {
			m.asking, m.quiet = false, m.now
		}
		m.awaitReply()
	}
}

// awaitFiller has the caller told that the answer takes a while, unless it
// comes soon.
func (m *Machine) awaitFiller() {
	if m.cfg.Filler >= 0 && m.filler == 0 && !m.asking {
		m.setTimer(FillerTimer, max(0, m.quiet+m.cfg.Filler-m.now))
	}
}

// fill says that the answer takes a while.
func (m *Machine) fill() {
	if m.held || m.filler != 0 || m.state != Thinking && (m.state != Speaking || !m.starved) {
		return
	}
	m.number++
	m.filler = m.number
	m.do(Action{Kind: Interject, Utterance: m.filler, Line: Filler, Stage: m.fillers})
	m.fillers++
}

// filled waits on after a filler was heard.
func (m *Machine) filled() {
	m.filler, m.quiet = 0, m.now
	if m.done && m.state != Interrupted { // the reply had no words
		m.spoken()

		return
	}
	if m.state == Thinking || m.state == Speaking && m.starved {
		m.awaitFiller()
	}
}

func (m *Machine) audioStarved(e Event) {
	if e.Utterance != m.utterance || m.speaks != reply || !m.begun || m.done {
		return
	}
	m.starved, m.quiet = true, m.now-e.Silence
	m.awaitReply()
}

func (m *Machine) audioFed(e Event) {
	if e.Utterance != m.utterance || !m.starved {
		return
	}
	m.starved = false
	m.stopTimer(ReplyTimer)
	m.stopTimer(FillerTimer)
}
