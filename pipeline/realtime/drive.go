package realtime

import (
	"cmp"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/pipeline/ledger"
	"trunkline/pipeline/turn"
)

// loop runs the machine, until the call is over or somebody else holds it.
func (c *Conversation) loop(conn *websocket.Conn, first func()) {
	defer c.abandon()
	if conn != nil {
		c.out.reopen(func(*memory) [][]byte { return nil })
		c.use(conn)
	}
	if first != nil {
		first()
	}
	for !c.handsOver() {
		select {
		case <-c.ctx.Done():
			return
		case m := <-c.inbox:
			c.take(m)
		case now := <-c.timers.Fired():
			c.fire(now)
		}
		c.caller.flush(c.obs)
	}
}

// abandon ends the session, and the turns that the end of the call cut off.
func (c *Conversation) abandon() {
	if !c.gone {
		c.timers.Stop()
		if u := c.speaking; u != nil {
			u.cancel(errOver)
			c.agentTurn(u, true)
		}
		c.closeCallerTurn()
		c.caller.giveUp(c.obs)
	}
	if c.link != nil {
		c.link.close()
	}
}

func (c *Conversation) take(m message) {
	switch m.kind {
	case isServer:
		if m.link == c.links {
			c.server(m.server, m.at)
		}
	case isLost:
		if m.link == c.links {
			c.lose(m.err, m.at)
		}
	case isLinked:
		if m.link != c.links || c.rescue != nil {
			m.conn.Close()

			return
		}
		c.resume(m.conn)
	case isTool:
		c.toolDone(m.tool, m.at)
	case isReady:
		c.ready(m.other, m.err, m.at)
	case isUnderstood:
		c.understood(&m)
	default:
		c.happens(m)
	}
}

// happens takes an event of the machine.
func (c *Conversation) happens(m message) {
	u := c.speaking
	mine := u != nil && u.id == m.event.Utterance
	if m.kind == isAsk {
		c.question = m.ask
	}
	switch m.event.Kind {
	case turn.Answered, turn.RecogniserLost:
		c.begun = true
		c.caller.loose, c.caller.turned = nil, c.spurt // what was said before is no turn
	case turn.ResumeAsked:
		if c.link == nil && c.rescue == nil { // it was lost while nobody talked
			c.losses = 0
			defer c.redial(m.at)
		}
	case turn.SpeechOnset:
		c.talks, c.spurt, c.asked.committed = true, m.event.Spurt, false
		c.caller.begin(m.at)
	case turn.SpeechEnd:
		c.talks = false
		c.caller.ended = cmp.Or(m.speech, m.at)
		if c.provider.cfg.Detection == Own && !c.begun {
			c.tell(object{"type": "input_audio_buffer.commit"}) // its words are wanted, though it is no turn
		}
		if c.provider.cfg.Detection == Own && m.event.Voiced >= c.provider.cfg.Speech {
			c.step(turn.Event{Kind: turn.SpeechHeard, Spurt: m.event.Spurt}, m.at)
		}
	case turn.KeyPressed:
		c.caller.begin(m.at)
		c.caller.keys, c.caller.ended = true, m.at
	case turn.AudioStarted:
		if mine {
			u.ledger.Stamp(ledger.Packet, m.at)
			c.begin(u, m.at)
		}
		if c.filler == m.event.Utterance && u != nil && u.turn == 0 {
			u.ledger.Stamp(ledger.Filler, m.at)
		}
	case turn.AudioFinished:
		if mine && !c.agentTurn(u, false) {
			c.closeCallerTurn() // it was answered without words
		}
	}
	c.step(m.event, m.at)
	if m.event.Kind == turn.SpeechOnset && m.at.Sub(c.heardAt) < time.Second { // the server was faster
		c.step(turn.Event{Kind: turn.SpeechHeard, Spurt: c.spurt}, m.at)
	}
}

// step gives the machine an event and does what it says.
func (c *Conversation) step(e turn.Event, at time.Time) {
	c.now = max(c.now, at.Sub(c.answered)) // goroutines may overtake each other
	e.At = c.now
	actions := c.machine.Step(e)
	c.obs.Step(e, actions, c.machine.State())
	for _, a := range actions {
		c.act(a, at)
	}
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
		c.setTimer(a.Timer, at, a.After)
	case turn.StopTimer:
		c.timers.Clear(a.Timer)
	case turn.Speak:
		c.say(a)
	case turn.StartReply:
		c.callerTurn(a.Text, at)
		c.reply(a.Utterance, at)
	case turn.Interject:
		c.interject(a)
	case turn.CancelReply, turn.Clear:
		c.cut()
	case turn.Discard:
		c.discard()
	case turn.End:
		c.finish(a.Reason)
	}
}

// discard forgets sound that is no turn.
func (c *Conversation) discard() {
	if c.machine.State() == turn.Interrupted {
		return // it may become one
	}
	c.out.forget(c.caller.taken+1, c.spurt)
	if c.provider.cfg.Detection == Own {
		c.tell(object{"type": "input_audio_buffer.clear"})
	}
}

// serversTurn is how long the server may take to see that the caller's turn is
// over, before the turn machine's own judgement counts.
var serversTurn = map[Detection]time.Duration{Server: 3 * time.Second, Semantic: 10 * time.Second}

// setTimer sets a timer of the machine. The end of the caller's turn is the
// server's to judge, when it does.
func (c *Conversation) setTimer(t turn.Timer, at time.Time, after time.Duration) {
	if own := c.provider.cfg.Detection == Own; t == turn.EndpointTimer && !own && !c.caller.keys {
		after = serversTurn[c.provider.cfg.Detection]
		if c.asked.committed {
			after = 0
		}
	}
	c.timers.Set(t, at.Add(after))
}

// fire tells the machine of the timers that are due.
func (c *Conversation) fire(now time.Time) {
	for name := range c.timers.Due(now) {
		if name == patienceTimer {
			c.impatient(now)
		} else {
			c.step(turn.Event{Kind: turn.TimerFired, Timer: name}, now)
		}
	}
}

// tell sends the server an event, when there is one.
func (c *Conversation) tell(o object) {
	if c.link != nil {
		c.out.event(encode(o))
	}
}

// finish tells that the conversation wants its call to end.
func (c *Conversation) finish(reason string) {
	select {
	case c.done <- c.cfg.Outcome(reason, c.endAct):
	default: // it was told before
	}
}
