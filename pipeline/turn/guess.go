package turn

import (
	"strings"
	"time"

	"trunkline/pipeline/endpoint"
)

// patient is how long a silence the words may ask for and still be worth a
// guess: a caller who spells a name will go on.
const patient = time.Second

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
	case !m.guessable(words):
		m.stopTimer(StableTimer)
	case m.sounds():
		m.setTimer(StableTimer, m.cfg.Speculation.Stable)
	default:
		m.startGuess(words)
	}
}

// sounds reports whether the caller can be heard now.
func (m *Machine) sounds() bool { return m.talking && !m.lulled }

// guessable tells words that may be the whole turn. The last of several guesses
// is kept for a silence of the caller: words alone are wrong more often.
func (m *Machine) guessable(words []string) bool {
	most := m.cfg.Speculation.PerTurn
	if m.sounds() && most > 1 {
		most--
	}

	return m.guesses < most && len(words) > 0 && m.heard[len(m.heard)-1].n != keyed && m.ending().Wait <= patient
}

// stable guesses that a caller whose words have stood for a while has said
// all.
func (m *Machine) stable() {
	words := endpoint.Words(m.text())
	if m.state == Listening && m.guess.utterance == 0 && m.guessable(words) {
		m.startGuess(words)
	}
}

// lull notes that the caller has just fallen silent, or goes on in the same
// talkspurt.
func (m *Machine) lull(e Event) {
	if !m.talking || m.heard[len(m.heard)-1].n != e.Spurt {
		return
	}
	m.lulled = e.Kind == SpeechLull
	if m.lulled {
		m.speculate()
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
