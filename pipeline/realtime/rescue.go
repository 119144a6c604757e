package realtime

import (
	"context"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
)

// rescue is how far the call's way to the ordinary conversation has come.
type rescue struct {
	began   time.Time
	conv    *pipeline.Conversation // nil: it is made ready
	listens bool                   // it hears what the caller has said
}

// callOther makes the ordinary conversation ready, once. Meanwhile the turn
// machine goes on: the caller hears that it takes a while.
func (c *Conversation) callOther(at time.Time) {
	if c.rescue != nil {
		return
	}
	c.rescue = &rescue{began: at}
	c.unlink()
	c.out.shut()
	c.caller.forgetSession()
	c.unwatch()
	c.asked = asked{}
	c.work.Go(func() {
		conv, err := c.other(c.ctx)
		c.give(message{kind: isReady, other: conv, err: err, at: time.Now()})
	})
}

// ready takes the ordinary conversation, or goes on as if there were none.
func (c *Conversation) ready(conv *pipeline.Conversation, err error, at time.Time) {
	if err != nil {
		c.rescue, c.other = nil, nil
		c.step(turn.Event{Kind: turn.ProviderFailed, Stage: string(pipeline.Converse), Provider: otherName, Fault: string(pipeline.Fault(err).Kind), Text: err.Error()}, at)
		c.giveUp(at)

		return
	}
	c.rescue.conv = conv
}

// otherName is what the records call the ordinary conversation.
const otherName = "pipeline"

// understandBound is how long the ordinary conversation's recogniser may take
// over what the caller has said before: then the caller is asked to say it again.
const understandBound = 3 * time.Second

// understand has the words found of what no session told them of, oldest first.
// It is false when there is nothing like that.
func (c *Conversation) understand() bool {
	l, r := &c.caller, c.rescue
	s, from, upTo := l.missing(), l.turned+1, c.spurt
	if s != nil {
		from, upTo = l.rest(s), s.to
	}
	audio := c.out.recall(from, upTo)
	if s == nil && len(audio) == 0 {
		return false
	}
	c.out.forget(from, upTo)
	r.listens = true
	c.work.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, understandBound)
		defer cancel()
		words, err := r.conv.Understand(ctx, linear(audio), upTo)
		c.give(message{kind: isUnderstood, turn: s, words: words, err: err, upTo: upTo, at: time.Now()})
	})

	return true
}

// linear is speech as frames.
func linear(all []octets) []media.Frame {
	out := make([]media.Frame, len(all))
	for i := range all {
		g711.PCMU.Decode(out[i][:], all[i][:])
	}

	return out
}

// understood takes the words that the ordinary conversation's recogniser found.
func (c *Conversation) understood(m *message) {
	c.rescue.listens = false
	if m.err != nil {
		c.step(turn.Event{Kind: turn.ProviderFailed, Stage: string(pipeline.Recognise), Provider: otherName, Fault: string(pipeline.Fault(m.err).Kind), Text: m.err.Error()}, m.at)
	}
	s := m.turn
	if s != nil {
		s.missing, s.own = false, m.words
		if s == c.caller.latest && m.words != "" {
			c.obs.Words(pipeline.Caller, c.caller.text(s), true)
		}
	}
	c.step(turn.Event{Kind: turn.Final, Spurt: m.upTo, Text: m.words}, m.at)
	if s != nil {
		c.heedTruth(s, m.at)
	}
}

// handsOver gives the call to the ordinary conversation as soon as that is
// ready, knows what the caller has said, and nobody speaks.
func (c *Conversation) handsOver() bool {
	r := c.rescue
	if r == nil || r.conv == nil || r.listens {
		return false
	}
	if u := c.speaking; u != nil && u.working > 0 || len(c.running) > 0 {
		return false // its tools tell their results first
	}
	if c.talks || c.understand() {
		return false
	}
	still := func() bool { return !c.ear.gate.Talking() && c.ear.spurt == c.spurt }
	c.gone = c.swap(r.conv, still, func() { r.conv.TakeOver(c.handover()) })

	return c.gone
}

// handover is all that the ordinary conversation has to know.
func (c *Conversation) handover() *pipeline.Handover {
	now := time.Now()
	c.caller.giveUp(c.obs)
	c.unwatch()
	h := &pipeline.Handover{
		Machine: c.machine, Answered: c.answered, Now: c.now, Timers: c.timers, Done: c.done, History: c.messages(&c.history),
		Turns: c.caller.turns, Spurt: c.spurt, Prefaced: c.prefaced, Filler: c.filler, EndAct: c.endAct, Charges: c.Charges(),
		From: c.provider.cfg.Name, Took: now.Sub(c.rescue.began),
	}
	if s := c.caller.latest; s != nil {
		h.Caller = &pipeline.OpenTurn{Text: c.caller.text(s), Began: s.turn.StartedAt, Ended: s.turn.EndedAt, Judged: c.caller.judged}
	} else {
		h.Began, h.Ended = c.caller.began, c.caller.ended
	}
	if u := c.speaking; u != nil {
		h.Speaking = u.handover()
	}
	for {
		select {
		case m := <-c.inbox:
			switch m.kind {
			case isEvent:
				h.Events = append(h.Events, pipeline.Happened{Event: m.event, At: m.at, Speech: m.speech})
			case isLinked:
				m.conn.Close()
			}
		default:
			return h
		}
	}
}

// handover is an utterance as the ordinary conversation takes it.
func (u *utterance) handover() *pipeline.Speaking {
	s := &pipeline.Speaking{
		ID: u.id, Turn: u.turn, Began: u.began, Ledger: u.ledger, Failed: u.failed, Act: u.act, Whole: u.fixed || u.whole,
	}
	if !s.Whole {
		u.voice.leave()
	}
	var r *pipeline.Generation
	for _, it := range u.items {
		if r == nil || it.call == nil && len(r.Calls) > 0 {
			s.Generations = append(s.Generations, pipeline.Generation{})
			r = &s.Generations[len(s.Generations)-1]
		}
		if it.call == nil {
			r.Sentences = append(r.Sentences, it.text)

			continue
		}
		r.Calls, r.Results = append(r.Calls, it.call.call), append(r.Results, it.call.outcome())
	}

	return s
}
