package pipeline

import (
	"errors"
	"time"
)

// errCut is the cause with which an utterance ends that the caller cut off.
var errCut = errors.New("the caller interrupted")

// callerTurn takes the caller's words into the history. A turn that was
// answered too early is replaced by what it became.
func (c *Conversation) callerTurn(text string, at time.Time) {
	c.caller.judged, c.caller.over, c.caller.text = at, c.caller.ended, text
	if c.caller.open && !c.caller.kept {
		c.history = c.history[:len(c.history)-1]
	}
	c.caller.open, c.caller.kept = true, false
	c.history = append(c.history, Message{Role: Caller, Text: text})
	c.obs.Words(Caller, text, true)
}

// begin notes that an utterance is heard from now on: the caller's turn
// before it stands.
func (c *Conversation) begin(u *utterance, at time.Time) {
	c.closeCallerTurn()
	c.turns++
	u.turn, u.began = c.turns, at
}

// closeCallerTurn tells the caller's turn that was taken and not yet told.
func (c *Conversation) closeCallerTurn() {
	if !c.caller.open {
		return
	}
	c.caller.open, c.caller.kept = false, false
	c.turns++
	c.obs.Turn(Turn{
		Number: c.turns, Role: Caller, Text: c.caller.text, Heard: c.caller.text,
		StartedAt: c.caller.began, EndedAt: c.caller.over,
	})
}

// agentTurn tells an utterance that is over, and takes what was heard of it
// into the history. It is false when nothing was heard.
func (c *Conversation) agentTurn(u *utterance, interrupted bool) bool {
	c.speaking = nil
	heard := c.player.Heard(u.id)
	whole := heard.Complete && !u.failed
	if whole {
		settle(u.known)
		settle(u.changed())
	}
	switch {
	case heard.Played == 0 && whole:
		c.history = append(c.history, u.messages("", true)...)

		return false
	case heard.Played == 0:
		c.keepChanges(u)

		return false
	}
	if u.turn == 0 { // its AudioStarted was on its way when the call ended
		c.begin(u, time.Now())
	}
	interrupted = (interrupted || u.failed) && !whole
	c.history = append(c.history, u.messages(heard.Text, !interrupted)...)
	if whole {
		heard.Text = u.text
	} else {
		heard.Text = u.script().Heard(heard.Text)
	}
	c.obs.Words(Agent, heard.Text, true)
	c.obs.Turn(Turn{
		Number: u.turn, Utterance: u.id, Role: Agent, Text: u.text, Heard: heard.Text, Interrupted: interrupted,
		StartedAt: u.began, EndedAt: time.Now(), Ledger: u.ledger,
	})

	return true
}

// cut ends the utterance that the caller interrupted.
func (c *Conversation) cut() {
	u := c.speaking
	c.silence()
	if u != nil {
		c.agentTurn(u, true)
	}
}

// cancelReply stops a reply of which nothing was heard.
func (c *Conversation) cancelReply() {
	c.silence()
	if c.speaking != nil {
		c.keepChanges(c.speaking)
	}
	c.speaking = nil
}

// silence stops the utterance. The player is cleared also when all of it was
// played, since it may be paused; sealing keeps a late writer from adding to
// it.
func (c *Conversation) silence() {
	if u := c.speaking; u != nil {
		u.cancel(errCut)
		defer c.player.Seal(u.id)
	}
	c.player.Clear()
}

// finish tells that the conversation wants its call to end.
func (c *Conversation) finish(reason string) {
	select {
	case c.done <- c.cfg.Outcome(reason, c.endAct):
	default: // it was told before
	}
}
