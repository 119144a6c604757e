package turn

import (
	"cmp"

	"trunkline/pipeline/endpoint"
)

// ending says how much silence would end the caller's turn as it stands.
func (m *Machine) ending() endpoint.Decision {
	latest := &m.heard[len(m.heard)-1]
	if latest.n == keyed {
		return endpoint.Decision{Wait: cmp.Or(m.entry.between(), m.cfg.Key), Reasons: []string{"more keys may follow"}}
	}
	m.learnPauses()

	return endpoint.Decide(m.cfg.Endpoint, &endpoint.Input{
		Text: m.text(), EndOfTurn: latest.endOfTurn, Asked: m.asked, Prosody: latest.prosody, Habit: m.habit,
	})
}

// learnPauses learns how the caller pauses from the silences between the
// talkspurts of the turn, once their words have shown that they were no coughs.
func (m *Machine) learnPauses() {
	for i := range m.heard {
		s := &m.heard[i]
		if i > 0 && s.pause > 0 && s.text != "" && m.heard[i-1].text != "" {
			m.habit.Pause(s.pause)
			s.pause = 0
		}
	}
}

// closeSpurt takes what the end of a talkspurt tells about the caller's turn.
func (m *Machine) closeSpurt(e Event) {
	m.asked = e.Asked
	for i := range m.heard {
		if m.heard[i].n == e.Spurt {
			m.heard[i].prosody = e.Prosody
		}
	}
}
