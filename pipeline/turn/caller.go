package turn

import (
	"strings"

	"trunkline/pipeline/endpoint"
)

// spurt is one talkspurt's words.
type spurt struct {
	n     int
	text  string
	final bool
}

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

// CallerText is what the caller has said in the turn that runs.
func (m *Machine) CallerText() string { return m.text() }

// CallerSpurts is how many talkspurts that turn has so far.
func (m *Machine) CallerSpurts() int { return len(m.heard) }
