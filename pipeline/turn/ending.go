package turn

import (
	"cmp"
	"time"

	"trunkline/pipeline/endpoint"
)

// ending says how much silence would end the caller's turn as it stands.
func (m *Machine) ending() endpoint.Decision {
	latest := &m.heard[len(m.heard)-1]
	if latest.n == keyed {
		return endpoint.Decision{Wait: cmp.Or(m.entry.between(), m.cfg.Key), Reasons: []string{"more keys may follow"}}
	}
	m.learnPauses()
	d := endpoint.Decide(m.cfg.Endpoint, &endpoint.Input{
		Text: m.text(), EndOfTurn: latest.endOfTurn, Asked: m.asked, Prosody: latest.prosody, Habit: m.habit,
	})
	if latest.lost && d.Wait > m.cfg.Endpoint.Unknown {
		return endpoint.Decision{Wait: m.cfg.Endpoint.Unknown, Reasons: []string{"the recogniser failed: the words that lack do not come"}}
	}

	return d
}

// leastFinal is how long last words are waited for however long the silence was.
const leastFinal = 200 * time.Millisecond

// lastWords is how long the recogniser's last words are waited for once the
// silence has been long enough: the less, the longer it was, where there are
// words to answer.
func (m *Machine) lastWords() time.Duration {
	if m.text() == "" {
		return m.cfg.Final
	}
	late := m.now - m.lastLoud - m.cfg.Endpoint.Unknown

	return min(max(m.cfg.Final-late, leastFinal), m.cfg.Final)
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
