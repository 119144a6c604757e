package turn

import (
	"strings"
	"time"

	"trunkline/pipeline/endpoint"
)

// Words are worth a guess when the silence that they ask for is short. Those
// that ask for no more than evident are the whole turn, as far as words can tell:
// they are answered while the caller still makes sound. Those that ask for more
// than patient are not answered early: a caller who spells a name will go on.
const (
	evident = 400 * time.Millisecond
	patient = time.Second
)

// guess is a reply to what may become the caller's turn. The model writes it
// and the voice speaks it unheard.
type guess struct {
	utterance int      // 0: there is none
	words     []string // that it answers
	done      *Event   // its ReplyDone
}

// speculate looks whether the caller's words so far are worth a guess, and
// drops the guess that they no longer bear out.
func (m *Machine) speculate() {
	if m.cfg.Speculation.PerTurn == 0 || m.state != Listening || m.spent {
		return
	}
	words := endpoint.Words(m.text())
	if m.guess.utterance != 0 {
		if same(m.guess.words, words) {
			return
		}
		m.dropGuess("the words changed")
	}
	switch {
	case !m.guessable(words, patient) || m.talking && m.sparing():
		m.stopTimer(StableTimer)
	case !m.talking || m.guessable(words, evident):
		m.startGuess(words)
	default:
		m.setTimer(StableTimer, m.cfg.Speculation.Stable)
	}
}

// sparing keeps the last of several guesses for a silence of the caller: words
// alone are wrong more often.
func (m *Machine) sparing() bool {
	most := m.cfg.Speculation.PerTurn

	return most > 1 && m.guesses >= most-1
}

// guessable tells words that may be the whole turn: that ask for no longer a
// silence than most.
func (m *Machine) guessable(words []string, most time.Duration) bool {
	return m.guesses < m.cfg.Speculation.PerTurn &&
		len(words) > 0 && m.heard[len(m.heard)-1].n != keyed && m.ending().Wait <= most
}

// stable guesses that a caller whose words have stood for a while has said
// all.
func (m *Machine) stable() {
	if m.state == Listening && !(m.talking && m.sparing()) {
		m.guessNow()
	}
}

// lull guesses that a caller who has just fallen silent has said all.
func (m *Machine) lull(e Event) {
	if m.state == Listening && m.talking && m.heard[len(m.heard)-1].n == e.Spurt {
		m.guessNow()
	}
}

// guessNow answers the words so far, when they are worth it and nothing
// answers them yet.
func (m *Machine) guessNow() {
	if words := endpoint.Words(m.text()); m.guess.utterance == 0 && m.guessable(words, patient) {
		m.startGuess(words)
	}
}

func (m *Machine) startGuess(words []string) {
	m.number++
	m.guesses++
	m.guess = guess{utterance: m.number, words: words}
	m.stopTimer(StableTimer)
	m.do(Action{Kind: StartGuess, Utterance: m.number, Text: m.text()})
}

// adopt makes the guess the reply, if it answers just these words.
func (m *Machine) adopt(text string) bool {
	m.stopGuessing()
	if m.guess.utterance == 0 || !same(m.guess.words, endpoint.Words(text)) {
		m.dropGuess("the words changed")

		return false
	}
	g := m.guess
	m.guess = guess{}
	m.use(g.utterance, reply)
	m.do(Action{Kind: AdoptGuess, Utterance: g.utterance, Text: text})
	m.think()
	if g.done != nil {
		m.replyDone(*g.done)
	}

	return true
}

func (m *Machine) dropGuess(reason string) {
	if m.guess.utterance == 0 {
		return
	}
	m.do(Action{Kind: DropGuess, Utterance: m.guess.utterance, Reasons: []string{reason}})
	m.guess = guess{}
}

func (m *Machine) stopGuessing() {
	if m.cfg.Speculation.PerTurn > 0 {
		m.stopTimer(StableTimer)
	}
}

// same compares words without case and punctuation.
func same(a, b []string) bool { return strings.Join(a, " ") == strings.Join(b, " ") }
