package turn

import (
	"cmp"
	"strings"
	"time"

	"trunkline/pipeline/bargein"
	"trunkline/pipeline/endpoint"
)

// spurt is one talkspurt's words, or keys in a row.
type spurt struct {
	n          int // keyed: keys
	text       string
	confidence float64 // of the recogniser in text; 0: it tells none
	final      bool
	endOfTurn  bool             // the recogniser believes that the caller has said all
	prosody    endpoint.Prosody // of its end
	speech     bool             // a provider hears speech in it, whatever its words
	lost       bool             // the recogniser failed in it: its last words do not come
	pause      time.Duration    // the silence before it, until the habit has learnt from it
}

const keyed = -1

// joins is how soon after a sound with doubtful words the next one belongs to
// it.
const joins = time.Second

// listen gives the caller the turn.
func (m *Machine) listen() {
	m.state = Listening
	m.awaitCaller()
	m.limitTurn()
}

// awaitCaller lets the wait for the caller's words begin.
func (m *Machine) awaitCaller() {
	silence := m.cfg.Idle[min(m.stage, len(m.cfg.Idle)-1)]
	if m.moment && m.stage == 0 {
		silence = max(silence, m.cfg.Moment)
	}
	m.idleAt = m.now + cmp.Or(m.entry.first(), silence)
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
	m.talking, m.lulled, m.due = true, false, false
	pause := m.now - m.lastLoud
	m.onset, m.lastLoud, m.voiced, m.level = m.now, m.now, 0, e.Level
	m.shape, m.asked = bargein.Sound{}, e.Asked
	switch {
	case m.state == Speaking && m.doubted > 0 && pause < joins:
		m.before = m.doubted
	case m.state == Speaking && !m.noted:
		m.clearTurn() // what was said over the agent before was judged
	case m.state == Speaking, m.state == Thinking:
		m.over = len(m.heard)
	}
	m.heard = append(m.heard, spurt{n: e.Spurt, pause: pause})
	m.stopTimer(IdleTimer)
	m.stopTimer(EndpointTimer)
	m.stopTimer(FinalTimer)
	switch m.state {
	case Speaking, Thinking:
		m.do(Action{Kind: Pause, Utterance: m.utterance})
		m.stopTimer(ReplyTimer)
		m.stopTimer(FillerTimer)
		m.paused = m.now
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
	m.closeSpurt(e)
	m.lastLoud, m.voiced = m.now-e.Silence, e.Voiced
	m.sound += e.Voiced
	if e.Level != 0 {
		m.level = e.Level
	}
	if e.Sound != (bargein.Sound{}) {
		m.shape = e.Sound
	}
	m.settle()
}

// sounded takes what the talkspurt that runs sounds like.
func (m *Machine) sounded(e Event) {
	if !m.talking || m.heard[len(m.heard)-1].n != e.Spurt {
		return
	}
	m.shape = e.Sound
	if m.state == Interrupted {
		m.judge()
	}
}

func (m *Machine) words(e Event) {
	if m.speaks == last {
		return
	}
	for i := range m.heard {
		if m.heard[i].n == e.Spurt {
			m.heard[i].text, m.heard[i].final, m.heard[i].endOfTurn = e.Text, e.Kind == Final, e.EndOfTurn
			m.heard[i].confidence = e.Confidence
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
	if m.state == Speaking && !m.noted {
		m.clearTurn() // what was said over the agent before was judged
	}
	if m.state != Listening {
		m.stopTimer(VerdictTimer)
		if !m.protect() {
			m.cutOff()
			m.act, m.over = "", 0
			m.listen()
		}
	}
	n := len(m.heard)
	fresh := n == 0 || m.heard[n-1].n != keyed
	if fresh {
		m.heard = append(m.heard, spurt{n: keyed, final: true})
		n++
	}
	keys, all, asked := m.entry.key(k, m.now, fresh)
	switch {
	case asked:
		m.heard[n-1].text = keys
		if all && m.state == Listening {
			m.commit()

			return
		}
	case fresh:
		m.heard[n-1].text = k
	case k == "#" && m.state == Listening:
		m.commit()

		return
	default:
		m.heard[n-1].text += k
	}
	m.lastLoud = m.now
	if m.state == Listening {
		m.limitTurn()
	}
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
	default:
		m.endpoint()
	}
	m.speculate()
}

// settled reports whether every talkspurt of the turn has its last words.
func (m *Machine) settled() bool {
	for _, s := range m.heard {
		if !s.final && !s.speech {
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

// endpoint decides how long the silence must last. Words that come after it
// was long enough may ask for more of it.
func (m *Machine) endpoint() {
	d := m.ending()
	m.moment = d.Hold
	m.do(Action{Kind: Endpoint, After: d.Wait, Reasons: d.Reasons})
	left := m.lastLoud + d.Wait - m.now
	switch {
	case left > 0 && m.due:
		m.due = false
		m.stopTimer(FinalTimer)
		m.setTimer(EndpointTimer, left)
	case !m.due:
		m.setTimer(EndpointTimer, max(0, left))
	case m.settled():
		m.commit()
	}
}

// commit takes the caller's turn.
func (m *Machine) commit() {
	m.stopTimer(EndpointTimer)
	m.stopTimer(FinalTimer)
	m.unlimitTurn()
	text := m.text()
	if text == "" && !m.spoke() {
		m.discard()

		return
	}
	if m.spent {
		m.finishTurn(text, BudgetGoodbye, EndBudget)

		return
	}
	m.stage, m.quiet = 0, m.now
	if m.due {
		m.quiet = m.dueAt
	}
	m.over = len(m.heard)
	m.talking, m.due, m.entry = false, false, entry{}
	if m.adopt(text) {
		return
	}
	m.begin(reply)
	m.do(Action{Kind: StartReply, Utterance: m.utterance, Text: text})
	m.think()
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
	m.heard, m.over, m.sound, m.guesses = nil, 0, 0, 0
	m.doubted, m.before = 0, 0
	m.unlimitTurn()
	m.dropGuess("the turn was given up")
}

// answered forgets the turn that the agent's words answer. What the caller
// said since stays.
func (m *Machine) answered() {
	m.heard, m.over, m.sound, m.guesses = m.heard[m.over:], 0, 0, 0
	m.doubted, m.before = 0, 0
}

// CallerText is what the caller has said in the turn that runs.
func (m *Machine) CallerText() string { return m.text() }

// CallerSpurts is how many talkspurts and rows of keys that turn has so far.
func (m *Machine) CallerSpurts() int { return len(m.heard) }
