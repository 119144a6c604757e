package pipeline

import (
	"slices"
	"time"

	"trunkline/pipeline/turn"
)

// guess is a reply to what may become the caller's turn. It is made as any
// other, but its audio is held back, and what it does besides speaking waits
// for its adoption.
type guess struct {
	*utterance
	replying *replying
	context  int // messages that it was made from, the caller's turn aside
}

// startGuess has the model answer words that may be the caller's turn.
func (c *Conversation) startGuess(id int, text string) {
	u := c.unspoken(id)
	before := c.context()
	history := slices.Concat(before, []Message{{Role: Caller, Text: text}})
	r := c.newReplying(u, history, c.replies+1)
	c.guess = &guess{utterance: u, replying: r, context: len(before)}
	c.player.Hold(id)
	c.work.Go(r.run)
}

// context is what the caller's turn that runs comes after.
func (c *Conversation) context() []Message {
	if c.caller.open && !c.caller.kept {
		return c.history[:len(c.history)-1]
	}

	return c.history
}

// guessStale reports whether something joined the history since the guess.
func (c *Conversation) guessStale() bool {
	return c.guess != nil && len(c.context()) != c.guess.context
}

// adoptGuess makes the guess the reply to the caller's turn.
func (c *Conversation) adoptGuess(text string, at time.Time) {
	g := c.guess
	c.guess = nil
	c.callerTurn(text, at)
	c.replies++
	c.speaking, c.endAct = g.utterance, g.act
	c.stampCaller(g.utterance)
	g.ledger.Adopt()
	if g.text != "" {
		c.obs.Words(Agent, g.text, false)
	}
	close(g.replying.adopted)
	c.player.Release(g.id)
}

// dropGuess stops the guess, of which nothing was heard.
func (c *Conversation) dropGuess() {
	if c.guess == nil {
		return
	}
	c.guess.cancel(errCut)
	c.player.Drop(c.guess.id)
	c.guess = nil
}

// guessed takes what a message says of the guess. It is true when that is all
// that the message is for.
func (c *Conversation) guessed(m message) bool {
	if c.guess == nil || c.guess.id != m.event.Utterance {
		return false
	}
	switch m.kind {
	case isStamp:
		c.guess.ledger.Stamp(m.stamp, m.at)

		return true
	case isText:
		c.guess.add(m)

		return true
	}
	if m.event.Kind == turn.ReplyDone {
		c.guess.act = m.act
	}

	return false
}
