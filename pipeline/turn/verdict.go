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

	return bargein.Evidence{
		Text: text(m.heard[m.over:]), Final: m.heard[len(m.heard)-1].final, Ended: !m.talking,
		Voiced: voiced, Elapsed: m.now - m.onset, Level: m.level,
	}
}

// judge weighs speech over the agent, whose voice is paused.
func (m *Machine) judge() {
	j := bargein.Judge(m.cfg.Bargein, m.evidence())
	if j.Verdict == bargein.Undecided {
		m.setTimer(VerdictTimer, max(20*time.Millisecond, m.onset+j.Again-m.now))

		return
	}
	m.tell(j)
	m.stopTimer(VerdictTimer)
	if j.Verdict == bargein.Interruption {
		m.interrupt()

		return
	}
	m.do(Action{Kind: Discard, Text: text(m.heard[m.over:]), Reasons: j.Reasons})
	m.do(Action{Kind: Resume, Utterance: m.utterance})
	if m.begun {
		m.state = Speaking
	} else {
		m.think()
	}
	if m.done {
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
	if ev.Text == "" {
		return
	}
	if j := bargein.Judge(m.cfg.Bargein, ev); j.Verdict == bargein.Interruption {
		m.tell(j)
		m.interrupt()
	}
}

// interrupt gives the turn to the caller. When nothing of the reply was heard,
// the caller goes on with the turn that it was to answer.
func (m *Machine) interrupt() {
	m.cutOff()
	m.act = ""
	m.listen()
	m.settle()
}
