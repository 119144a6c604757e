package turn

import (
	"strings"

	"trunkline/pipeline/endpoint"
)

// spurt is one talkspurt's words, or keys in a row.
type spurt struct {
	n     int // keyed: keys
	text  string
	final bool
}

const keyed = -1

// listen gives the caller the turn.
func (m *Machine) listen() {
	m.state = Listening
	m.awaitCaller()
	m.limitTurn()
}

// awaitCaller lets the wait for the caller's words begin.
func (m *Machine) awaitCaller() {
	m.idleAt = m.now + m.cfg.Idle[min(m.stage, len(m.cfg.Idle)-1)]
}

// limitTurn has a turn that never ends end.
func (m *Machine) limitTurn() {
	if len(m.heard) > 0 && !m.timed {
		m.timed = true
		m.setTimer(TurnTimer, m.cfg.Turn)
	}
}

func (m *Machine) unlimitTurn() {
	if m.timed {
		m.timed = false
		m.stopTimer(TurnTimer)
	}
}

func (m *Machine) speechOnset(e Event) {
	if m.speaks == last || m.held { // on hold it is music, or talk that is not meant for us
		return
	}
	m.talking, m.due = true, false
	m.onset, m.lastLoud, m.voiced, m.level = m.now, m.now, 0, e.Level
	switch m.state {
	case Speaking:
		m.clearTurn() // what was said over the agent before was judged
	case Thinking:
		m.over = len(m.heard)
	}
	m.heard = append(m.heard, spurt{n: e.Spurt})
	m.stopTimer(IdleTimer)
	m.stopTimer(EndpointTimer)
	m.stopTimer(FinalTimer)
	switch m.state {
	case Speaking, Thinking:
		m.do(Action{Kind: Pause, Utterance: m.utterance})
		m.stopTimer(ReplyTimer)
		m.state = Interrupted
		m.judge()
	case Interrupted:
		m.judge()
	case Listening:
		m.limitTurn()
	}
}

func (m *Machine) speechEnd(e Event) {
	if !m.talking {
		return
	}
	m.talking = false
	m.lastLoud, m.voiced = m.now-e.Silence, e.Voiced
	m.sound += e.Voiced
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

// key takes a key as words of the caller. "#" after keys ends the turn.
func (m *Machine) key(k string) {
	if m.speaks == last || m.held {
		return
	}
	m.stopTimer(IdleTimer)
	m.stopTimer(FinalTimer)
	m.due = false
	if m.state == Speaking {
		m.clearTurn() // what was said over the agent before was judged
	}
	if m.state != Listening {
		m.stopTimer(VerdictTimer)
		m.cutOff()
		m.listen()
	}
	n := len(m.heard)
	switch {
	case n == 0 || m.heard[n-1].n != keyed:
		m.heard = append(m.heard, spurt{n: keyed, text: k, final: true})
	case k == "#":
		m.commit()

		return
	default:
		m.heard[n-1].text += k
	}
	m.lastLoud = m.now
	m.limitTurn()
	m.settle()
}

// settle looks anew at the caller's turn after something was learnt of it.
func (m *Machine) settle() {
	switch {
	case m.state == Interrupted:
		m.judge()
	case (m.state == Speaking || m.state == Thinking) && len(m.heard) > m.over:
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
func (m *Machine) text() string { return text(m.heard) }

func text(spurts []spurt) string {
	var parts []string
	for _, s := range spurts {
		if s.text != "" {
			parts = append(parts, s.text)
		}
	}

	return strings.Join(parts, " ")
}

// endpoint decides how long the silence must last.
func (m *Machine) endpoint() {
	d := endpoint.Decide(m.cfg.Endpoint, m.text())
	if m.heard[len(m.heard)-1].n == keyed {
		d = endpoint.Decision{Wait: m.cfg.Key, Reasons: []string{"more keys may follow"}}
	}
	m.do(Action{Kind: Endpoint, After: d.Wait, Reasons: d.Reasons})
	m.setTimer(EndpointTimer, max(0, m.lastLoud+d.Wait-m.now))
}

// commit takes the caller's turn.
func (m *Machine) commit() {
	m.stopTimer(EndpointTimer)
	m.stopTimer(FinalTimer)
	m.unlimitTurn()
	text := m.text()
	if text == "" {
		m.discard()

		return
	}
	m.stage = 0
	m.begin(reply)
	m.do(Action{Kind: StartReply, Utterance: m.utterance, Text: text})
	m.think()
	m.over = len(m.heard)
	m.talking, m.due = false, false
}

// discard forgets a turn without words. A long one is asked about.
func (m *Machine) discard() {
	m.do(Action{Kind: Discard, Reasons: []string{"no words in it"}})
	long := m.sound >= m.cfg.Noise
	m.forgetCaller()
	if long && !m.held {
		m.prompt(NotHeard)

		return
	}
	m.rest()
}

func (m *Machine) forgetCaller() {
	m.clearTurn()
	m.talking, m.due = false, false
}

// clearTurn forgets what was said. A talkspurt that runs goes on.
func (m *Machine) clearTurn() {
	m.heard, m.over, m.sound = nil, 0, 0
	m.unlimitTurn()
}

// answered forgets the turn that the agent's words answer. What the caller
// said since stays.
func (m *Machine) answered() {
	m.heard, m.over, m.sound = m.heard[m.over:], 0, 0
}

// CallerText is what the caller has said in the turn that runs.
func (m *Machine) CallerText() string { return m.text() }

// CallerSpurts is how many talkspurts and rows of keys that turn has so far.
func (m *Machine) CallerSpurts() int { return len(m.heard) }
