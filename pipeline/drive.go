package pipeline

import (
	"time"

	"trunkline/pipeline/ledger"
	"trunkline/pipeline/turn"
)

// loop runs the machine.
func (c *Conversation) loop() {
	defer c.abandon()
	for {
		select {
		case <-c.ctx.Done():
			return
		case m := <-c.inbox:
			c.take(unwrap(m))
		case t, open := <-c.words:
			if !open {
				c.words = nil

				continue
			}
			c.transcript(t)
		case t, open := <-c.wordsBefore:
			if !open {
				c.wordsBefore = nil

				continue
			}
			c.transcript(t)
		case now := <-c.timers.Fired():
			for t := range c.timers.Due(now) {
				c.step(turn.Event{Kind: turn.TimerFired, Timer: t}, now)
			}
		}
	}
}

// abandon closes the turn that the end of the call cut off.
func (c *Conversation) abandon() {
	if u := c.speaking; u != nil {
		u.cancel(errOver)
		c.agentTurn(u, true)
	}
	c.dropGuess()
	c.closeCallerTurn()
	c.timers.Stop()
}

func (c *Conversation) take(m message) {
	if c.guessed(m) {
		return
	}
	u := c.speaking
	mine := u != nil && u.id == m.event.Utterance
	switch m.kind {
	case isStamp:
		if mine {
			u.ledger.Stamp(m.stamp, m.at)
		}

		return
	case isText:
		if mine {
			u.add(m)
			c.obs.Words(Agent, u.text, false)
		}

		return
	case isAsk:
		c.question = m.ask
	case isTool:
		c.toolNews(m)

		return
	case isChange:
		c.setLanguage(m.change, m.at)

		return
	case isTurned:
		c.leave(m.left, c.cfg.Turn.Final)

		return
	}
	switch m.event.Kind {
	case turn.SpeechOnset:
		m.event.Asked = c.asked()
	case turn.SpeechEnd:
		c.caller.ended = m.speech
		m.event.Asked = c.asked()
	case turn.KeyPressed:
		c.caller.ended, c.caller.finalised = m.at, m.at
	case turn.AudioStarted:
		if mine {
			u.ledger.Stamp(ledger.Packet, m.at)
			c.begin(u, m.at)
		}
		if c.filler == m.event.Utterance && u != nil && u.turn == 0 {
			u.ledger.Stamp(ledger.Filler, m.at)
		}
	case turn.ReplyDone:
		if mine {
			c.endAct = m.act
		}
	case turn.ReplyFailed:
		if mine {
			u.failed = true
		}
	case turn.ReplyCost:
		c.tokens += m.event.InputTokens + m.event.OutputTokens
	case turn.AudioFinished:
		if mine && !c.agentTurn(u, false) {
			c.closeCallerTurn() // it was answered without words
		}
	}
	c.step(m.event, m.at)
	first := c.machine.CallerSpurts() == 1
	switch m.event.Kind {
	case turn.SpeechOnset:
		if first {
			c.caller.began, c.caller.finalised = m.speech, time.Time{}
		}
	case turn.KeyPressed:
		if first && c.machine.CallerText() == m.event.Text {
			c.caller.began = m.at
		}
		c.tellCaller()
	}
}

// transcript takes the recogniser's words.
func (c *Conversation) transcript(t Transcript) {
	now := time.Now()
	if t.Err != nil {
		c.step(turn.Event{Kind: turn.RecogniserLost, Spurt: t.Spurt, Text: t.Err.Error()}, now)

		return
	}
	c.detect(&t, now)
	kind := turn.Partial
	if t.Final {
		kind = turn.Final
		c.caller.finalised = now
	}
	c.step(turn.Event{Kind: kind, Spurt: t.Spurt, Text: t.Text, Confidence: t.Confidence, EndOfTurn: t.EndOfTurn}, now)
	c.tellCaller()
}

// tellCaller tells what the caller has said so far.
func (c *Conversation) tellCaller() {
	if text := c.machine.CallerText(); text != "" && (!c.caller.open || text != c.caller.text) {
		c.obs.Words(Caller, text, false)
	}
}

// step gives the machine an event and does what it says.
func (c *Conversation) step(e turn.Event, at time.Time) {
	if c.guessStale() && e.Kind != turn.ContextChanged {
		c.step(turn.Event{Kind: turn.ContextChanged}, at)
	}
	c.now = max(c.now, at.Sub(c.answered)) // goroutines may overtake each other
	e.At = c.now
	actions := c.machine.Step(e)
	c.obs.Step(e, actions, c.machine.State())
	for _, a := range actions {
		c.act(a, at)
	}
	c.unhold()
}

func (c *Conversation) act(a turn.Action, at time.Time) {
	switch a.Kind {
	case turn.Pause:
		c.player.Pause()
	case turn.Resume:
		c.player.Resume()
	case turn.Respeak:
		c.player.ResumeWord()
	case turn.SetTimer:
		c.timers.Set(a.Timer, at.Add(a.After))
	case turn.StopTimer:
		c.timers.Clear(a.Timer)
	case turn.Speak:
		c.say(a, at)
	case turn.StartReply:
		c.callerTurn(a.Text, at)
		c.reply(a.Utterance)
	case turn.StartGuess:
		c.startGuess(a.Utterance, a.Text)
	case turn.AdoptGuess:
		c.adoptGuess(a.Text, at)
	case turn.DropGuess:
		c.dropGuess()
	case turn.Interject:
		c.interject(a)
	case turn.CancelReply:
		c.cancelReply()
	case turn.Clear:
		c.cut()
	case turn.End:
		c.finish(a.Reason)
	}
}
