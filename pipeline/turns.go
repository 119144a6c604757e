package pipeline

import (
	"errors"
	"time"

	"trunkline/pipeline/turn"
)

// errCut is the cause with which an utterance ends that the caller cut off.
var errCut = errors.New("the caller interrupted")

// callerTurn takes the caller's words into the history. A turn that was
// answered too early is replaced by what it became.
func (c *Conversation) callerTurn(text string, at time.Time) {
	c.caller.judged = at
	if c.caller.open {
		c.history = c.history[:len(c.history)-1]
	}
	c.caller.open = true
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
	c.caller.open = false
	c.turns++
	text := c.history[len(c.history)-1].Text
	c.obs.Turn(Turn{
		Number: c.turns, Role: Caller, Text: text, Heard: text,
		StartedAt: c.caller.began, EndedAt: c.caller.ended,
	})
}

// agentTurn tells an utterance that is over, and takes what was heard of it
// into the history.
func (c *Conversation) agentTurn(u *utterance, interrupted bool) {
	c.speaking = nil
	if u.turn == 0 { // nothing of it was heard
		return
	}
	heard := c.player.Heard(u.id)
	interrupted = interrupted && !heard.Complete
	if heard.Complete {
		heard.Text = u.text
	}
	if heard.Text != "" {
		c.history = append(c.history, Message{Role: Agent, Text: heard.Text, Cut: interrupted})
	}
	c.obs.Words(Agent, heard.Text, true)
	c.obs.Turn(Turn{
		Number: u.turn, Role: Agent, Text: u.text, Heard: heard.Text, Interrupted: interrupted,
		StartedAt: u.began, EndedAt: time.Now(), Ledger: u.ledger,
	})
}

// cut ends the utterance that the caller interrupted.
func (c *Conversation) cut() {
	u := c.speaking
	if u == nil {
		return
	}
	u.cancel(errCut)
	c.player.Clear()
	c.agentTurn(u, true)
}

// cancelReply stops a reply of which nothing was heard.
func (c *Conversation) cancelReply() {
	if u := c.speaking; u != nil {
		u.cancel(errCut)
		c.player.Clear()
		c.speaking = nil
	}
}

// finish tells that the conversation wants its call to end.
func (c *Conversation) finish(reason string) {
	out := Outcome{Reason: reason}
	if c.endAct != nil && (reason == turn.EndHandOff || reason == turn.EndGoodbye) {
		out.Args = c.endAct.Args
	}
	select {
	case c.done <- out:
	default: // it was told before
	}
}
