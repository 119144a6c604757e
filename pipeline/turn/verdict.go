package turn

import (
	"time"

	"trunkline/pipeline/bargein"
)

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
	m.listen()
	m.settle()
}
