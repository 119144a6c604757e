package turn

import "trunkline/pipeline/bargein"

// speechHeard takes a provider's word that there is speech in a talkspurt. Its
// own words may come too late for the answer, when that is made from the sound:
// such a turn is taken without them.
func (m *Machine) speechHeard(e Event) {
	if m.speaks == last {
		return
	}
	for i := range m.heard {
		if m.heard[i].n == e.Spurt {
			m.heard[i].speech = true
			m.settle()

			return
		}
	}
}

// spoke reports whether there is speech in the caller's turn, with or without
// words.
func (m *Machine) spoke() bool {
	for i := range m.heard {
		if m.heard[i].speech {
			return true
		}
	}

	return false
}

// confirmed has speech that a provider hears too, and that still goes on after
// the window for words, interrupt at once.
func (m *Machine) confirmed(j bargein.Judgement) bargein.Judgement {
	latest := &m.heard[len(m.heard)-1]
	if j.Verdict != bargein.Undecided || !m.talking || !latest.speech || m.now-m.paused < m.cfg.Bargein.Window {
		return j
	}

	return bargein.Judgement{Verdict: bargein.Interruption, Reasons: []string{"the provider hears speech, too"}}
}
