package turn

import (
	"time"

	"trunkline/pipeline/bargein"
)

// evidence is what is known about the speech over the agent's voice, or over
// its thinking.
func (m *Machine) evidence() bargein.Evidence {
	voiced := m.voiced
	if m.talking {
		voiced = m.now - m.onset
	}

	since := m.onset
	if m.state == Interrupted {
		since = m.paused // a row of coughs does not hold the agent up for ever
	}

	return bargein.Evidence{
		Text: text(m.heard[m.over:]), Confidence: m.confidence(), Final: m.heard[len(m.heard)-1].final, Ended: !m.talking,
		Voiced: m.before + voiced, Elapsed: m.now - since, Level: m.level, Sound: m.shape,
	}
}

// confidence is the least that the recogniser has in the words of the sound that
// is judged. While the agent is not heard yet it does not matter: any words go
// on with the caller's turn.
func (m *Machine) confidence() float64 {
	if !m.begun {
		return 0
	}
	var least float64
	for _, s := range m.heard[m.over:] {
		if s.text != "" && s.confidence > 0 && (least == 0 || s.confidence < least) {
			least = s.confidence
		}
	}

	return least
}

// judge weighs speech over the agent, whose voice is paused.
func (m *Machine) judge() {
	ev := m.evidence()
	j := m.confirmed(bargein.Judge(m.cfg.Bargein, ev))
	if j.Verdict == bargein.Undecided {
		m.setTimer(VerdictTimer, max(20*time.Millisecond, m.paused+j.Again-m.now))

		return
	}
	m.tell(j)
	m.stopTimer(VerdictTimer)
	if j.Verdict == bargein.Interruption {
		m.interrupt()

		return
	}
	m.do(Action{Kind: Discard, Text: text(m.heard[m.over:]), Reasons: j.Reasons})
	if m.doubted = 0; j.Doubtful {
		m.doubted = ev.Voiced
	}
	m.goOn()
}

// goOn lets the paused agent be heard again. After a long pause the word that
// it cut is said once more.
func (m *Machine) goOn() {
	kind := Resume
	if m.begun && m.now-m.paused > m.cfg.Respeak {
		kind = Respeak
	}
	m.do(Action{Kind: kind, Utterance: m.utterance})
	m.quiet = max(m.quiet, m.lastLoud)
	if m.begun {
		m.state = Speaking
		m.awaitReply()
	} else {
		m.think()
	}
	if m.done && m.filler == 0 {
		m.spoken()
	}
}

// tell says how speech over the agent's voice was judged.
func (m *Machine) tell(j bargein.Judgement) {
	if m.begun {
		m.do(Action{Kind: Judge, Text: string(j.Verdict), Utterance: m.utterance, Reasons: j.Reasons})
	}
}

// reconsider cuts the agent off after all, when words that come after the
// verdict ask for it: "uh-huh, but wait".
func (m *Machine) reconsider() {
	ev := m.evidence()
	if ev.Text == "" || m.noted {
		return
	}
	if j := bargein.Judge(m.cfg.Bargein, ev); j.Verdict == bargein.Interruption {
		m.tell(j)
		m.interrupt()
	}
}

// interrupt gives the turn to the caller. When nothing of the reply was heard,
// the caller goes on with the turn that it was to answer. Protected wording is
// heard first.
func (m *Machine) interrupt() {
	if !m.protect() {
		m.cutOff()
		m.yield()
	}
}

// protect notes that the caller wants the turn, when what the agent says must
// be heard first.
func (m *Machine) protect() bool {
	if !m.protected {
		return false
	}
	m.noted = true
	if m.state == Interrupted {
		m.goOn()
	}

	return true
}

// yield lets the caller have the turn after the agent's voice has ended.
func (m *Machine) yield() {
	m.act, m.over = "", 0
	m.listen()
	m.settle()
}

// protectedEnded lets a caller who interrupted the protected wording have the
// turn.
func (m *Machine) protectedEnded(e Event) {
	if e.Utterance != m.utterance || !m.protected {
		return
	}
	m.protected = false
	if m.noted && m.state != Idle {
		m.stopTimer(VerdictTimer)
		m.interrupt()
	}
}
