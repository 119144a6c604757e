package realtime

import (
	"fmt"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/pipeline"
	"trunkline/pipeline/prompt"
	"trunkline/pipeline/turn"
)

// redialEvery is how much longer each attempt to open a session waits: the first
// one is made at once.
const redialEvery = 500 * time.Millisecond

// patienceTimer is no timer of the machine's: a response that is made has sent
// nothing for Config.Patience.
const patienceTimer turn.Timer = "patience"

// watch waits for the next sign of the response that is made.
func (c *Conversation) watch(at time.Time) {
	c.timers.Set(patienceTimer, at.Add(c.provider.cfg.Patience))
}

func (c *Conversation) unwatch() { c.timers.Clear(patienceTimer) }

// impatient gives a session up that does not answer.
func (c *Conversation) impatient(at time.Time) {
	err := &pipeline.ProviderError{
		Provider: c.provider.cfg.Name, Kind: pipeline.Slow, Err: fmt.Errorf("a response sent nothing for %v", c.provider.cfg.Patience),
	}
	if u := c.owing(); u != nil && c.other != nil { // there is no time for another session that does not answer
		c.responseFailed(u, err, at)

		return
	}
	c.lose(err, at)
}

// use serves a connection.
func (c *Conversation) use(conn *websocket.Conn) {
	c.links++
	n := c.links
	c.link = c.provider.start(conn, c.out,
		func(e *event) { c.give(message{kind: isServer, server: e, link: n, at: time.Now()}) },
		func(err error) { c.give(message{kind: isLost, err: err, link: n, at: time.Now()}) })
}

// unlink ends the session that is up.
func (c *Conversation) unlink() {
	l := c.link
	if l == nil {
		return
	}
	c.link = nil
	c.links++ // what it may still say is of no session
	l.halt()
	l.conn.Close()
	c.work.Go(l.work.Wait)
}

// asleep says that the call was given to somebody else, or is over.
func (c *Conversation) asleep() bool { return c.begun && c.machine.State() == turn.Idle }

// owing is the reply that the model has yet to finish; nil: there is none.
func (c *Conversation) owing() *utterance {
	if u := c.speaking; u != nil && !u.fixed && !u.whole {
		return u
	}

	return nil
}

// breakOff ends the part of a reply that was being made: the rest of it comes
// from somewhere else, behind what there is.
func (u *utterance) breakOff() {
	u.response = ""
	for _, it := range u.items {
		it.id = ""
		if it.seg != nil && !it.closed {
			it.closed = true
			u.voice.add(piece{seg: it.seg, broken: true})
		}
	}
}

// lose goes on without the session: with a new one, or by the ordinary
// conversation. A reply that is being made goes on there, once; one that is
// whole is heard.
func (c *Conversation) lose(err error, at time.Time) {
	c.unlink()
	c.out.shut()
	c.caller.forgetSession()
	c.unwatch()
	u := c.owing()
	c.asked = asked{again: u != nil && u.working == 0}
	c.losses++
	c.provider.cfg.Failed(err)
	c.step(c.failure(err), at)
	if u != nil {
		u.breakOff()
	}
	switch {
	case c.asleep(), c.rescue != nil:
	case c.other != nil && (c.losses > 1 || u != nil && u.retried):
		c.callOther(at)
	case u != nil && u.retried:
		c.asked.again = false
		c.replyFailed(u, err, at)
		c.redial(at)
	default:
		if u != nil {
			u.retried = true
		}
		c.redial(at)
	}
}

// redial opens a new session, a few times in a row.
func (c *Conversation) redial(at time.Time) {
	if c.losses > c.provider.cfg.Reconnects {
		c.giveUp(at)

		return
	}
	n := c.links
	wait := time.Duration(max(c.losses-1, 0)) * redialEvery
	c.work.Go(func() {
		pause := time.NewTimer(wait)
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-c.ctx.Done():
			return
		}
		conn, err := c.provider.dial(c.ctx, c.session)
		if err != nil {
			c.give(message{kind: isLost, err: err, link: n, at: time.Now()})

			return
		}
		select {
		case c.inbox <- message{kind: isLinked, conn: conn, link: n, at: time.Now()}:
		case <-c.ctx.Done():
			conn.Close()
		}
	})
}

// giveUp ends the call by the agent's policy.
func (c *Conversation) giveUp(at time.Time) {
	last := turn.Event{Kind: turn.FinishAsked, Line: turn.Trouble, Reason: turn.EndProvider}
	if c.cfg.Turn.OnFailure.Do == turn.HandOver {
		last.Line, last.Reason = turn.HandOff, turn.EndRescue
	}
	c.step(last, at)
}

// resume goes on in a new session: it is told the conversation, then what the
// caller has said whose words nobody knows, and goes on with the reply that the
// one before it did not finish.
func (c *Conversation) resume(conn *websocket.Conn) {
	u := c.owing()
	c.out.reopen(func(m *memory) [][]byte {
		var first [][]byte
		for _, o := range objects(c.messages(&c.history)) {
			first = append(first, encode(o))
		}
		first = append(first, c.retell(m)...)
		if u == nil {
			return first
		}
		for _, o := range c.begunReply(u) {
			first = append(first, encode(o))
		}

		return first
	})
	c.use(conn)
	if c.asked.again && u != nil {
		c.respond(u)
	}
}

// retell sends what was said to a lost session that has not told its words:
// turn by turn, and then what is no turn yet.
func (c *Conversation) retell(m *memory) (events [][]byte) {
	l := &c.caller
	for _, s := range l.all() {
		if !s.missing {
			continue
		}
		s.missing = false
		if audio := m.between(l.rest(s), s.to); len(audio) >= leastCommitted {
			events = append(append(events, appended(audio)...), encode(object{"type": "input_audio_buffer.commit"}))
			s.due = true
		}
	}

	return append(events, appended(m.between(l.turned+1, c.spurt))...)
}

// leastCommitted is the least audio that a server takes as an item: 100 ms.
const leastCommitted = 5

// begunReply is what a session is told of a reply that it is to go on with.
func (c *Conversation) begunReply(u *utterance) []object {
	var h history
	h.agent(u, "", true)
	all := objects(c.messages(&h))
	if n := len(u.items); n > 0 && u.items[n-1].call == nil {
		all = append(all, callerSaid(prompt.Continue))
	}

	return all
}
