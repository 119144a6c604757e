package realtime

import (
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/ledger"
	"trunkline/pipeline/turn"
)

// server takes an event of the server.
func (c *Conversation) server(e *event, at time.Time) {
	u := c.speaking
	if u != nil && (u.fixed || u.response == "" || e.ResponseID != u.response) {
		u = nil // it is of no response that is wanted
	}
	if u != nil {
		c.watch(at)
	}
	switch e.Type {
	case "input_audio_buffer.speech_started":
		c.heardAt = at
		c.step(turn.Event{Kind: turn.SpeechHeard, Spurt: c.spurt}, at)
	case "input_audio_buffer.committed":
		if c.committed(e.ItemID) {
			break // of a turn that was over before
		}
		c.asked.committed = true
		if c.timers.IsSet(turn.EndpointTimer) && c.provider.cfg.Detection != Own {
			c.timers.Set(turn.EndpointTimer, at)
			c.fire(at)
		}
	case "conversation.item.input_audio_transcription.delta":
		c.words(e.ItemID, e.Delta, false, at)
	case "conversation.item.input_audio_transcription.completed":
		c.words(e.ItemID, e.Transcript, true, at)
	case "conversation.item.input_audio_transcription.failed":
		c.unsettled(e.ItemID)
	case "response.created":
		c.created(e)
	case "response.output_audio.delta":
		if u != nil {
			c.audio(u, e, at)
		}
	case "response.output_audio.done":
		if u != nil {
			it := c.item(u, e.ItemID)
			it.closed = true
			u.voice.add(piece{seg: it.seg})
		}
	case "response.output_audio_transcript.delta":
		if u != nil {
			it := c.item(u, e.ItemID)
			it.text += e.Delta
			it.seg.Extend(e.Delta)
			if c.cfg.Protects(it.text) {
				it.seg.Protect()
			}
			u.ledger.Stamp(ledger.Token, at)
			c.obs.Words(pipeline.Agent, u.text(), false)
		}
	case "response.function_call_arguments.done":
		if u != nil {
			c.callTool(u, e, at)
		}
	case "response.done":
		c.responseDone(e, at)
	case "error":
		c.failed(e, at)
	}
}

// created takes the name of the response that was asked for.
func (c *Conversation) created(e *event) {
	a := &c.asked
	a.creating, a.active = 0, e.Response.ID
	if u := c.speaking; !a.unwanted && u != nil && !u.fixed && !u.whole {
		u.response = e.Response.ID
		u.rounds++

		return
	}
	c.tell(object{"type": "response.cancel", "response_id": a.active})
}

func (c *Conversation) audio(u *utterance, e *event, at time.Time) {
	it := c.item(u, e.ItemID)
	u.ledger.Stamp(ledger.Token, at)
	u.ledger.Stamp(ledger.Sample, at)
	u.spoken = true
	if !u.voice.add(piece{seg: it.seg, octets: e.audio}) {
		c.stopResponse() // the machine cuts so long a reply off anyway

		return
	}
	it.octets += len(e.audio)
}

// responseDone goes on after a response: with the next one, when tools have
// been called, or with the end of the reply.
func (c *Conversation) responseDone(e *event, at time.Time) {
	c.charge(e, at)
	a := &c.asked
	if e.Response.ID == a.active {
		a.active = ""
	}
	u := c.speaking
	mine := u != nil && u.response != "" && u.response == e.Response.ID
	if mine {
		c.unwatch()
	}
	switch {
	case mine && e.Response.Status == "failed":
		u.response = ""
		c.responseFailed(u, c.provider.client.Failed(e.code), at)
	case mine:
		u.response = ""
		c.losses = 0
		c.goOn(u, at)
	}
	if u = c.speaking; a.again && u != nil && !u.fixed {
		c.respond(u)
	}
}

// goOn asks for the next response once all calls have their results, or ends
// the reply.
func (c *Conversation) goOn(u *utterance, at time.Time) {
	switch {
	case u.whole || u.response != "" || u.working > 0 || c.asked.creating != 0 || c.asked.again:
		return
	case u.act == nil && u.owed:
		c.respond(u)

		return
	}
	u.whole = true
	ev := turn.Event{Kind: turn.ReplyDone, Utterance: u.id, Spoken: u.spoken}
	if c.endAct = u.act; u.act != nil {
		ev.Act, ev.Args = u.act.Name, u.act.Args
	}
	u.ledger.Stamp(ledger.Written, at)
	c.step(ev, at)
	u.voice.seal() // after the machine knows what follows the reply's end
}

// responseFailed gives the reply to the ordinary conversation, when there is
// one; else it has failed.
func (c *Conversation) responseFailed(u *utterance, err error, at time.Time) {
	c.unwatch()
	if c.other == nil {
		c.replyFailed(u, err, at)

		return
	}
	c.provider.cfg.Failed(err)
	c.step(c.failure(err), at)
	u.breakOff()
	c.callOther(at)
}

// replyFailed ends the reply; what came of it is heard first.
func (c *Conversation) replyFailed(u *utterance, err error, at time.Time) {
	u.failed, u.whole = true, true
	c.step(turn.Event{Kind: turn.ReplyFailed, Utterance: u.id, Text: err.Error()}, at)
	u.voice.seal()
}

// charge counts what a response cost.
func (c *Conversation) charge(e *event, at time.Time) {
	used := &e.Response.Usage
	if used.InputTokens == 0 && used.OutputTokens == 0 {
		return
	}
	cost := c.provider.cfg.Price.of(used)
	c.mu.Lock()
	before := c.cost
	c.cost += cost
	c.mu.Unlock()
	ev := turn.Event{Kind: turn.ReplyCost, InputTokens: used.InputTokens, OutputTokens: used.OutputTokens}
	if u := c.speaking; u != nil && u.response == e.Response.ID {
		ev.Utterance = u.id
	}
	c.step(ev, at)
	if budget := c.cfg.Budget; budget > 0 && before < budget && before+cost >= budget {
		c.step(turn.Event{Kind: turn.BudgetSpent}, at)
	}
}

// failed takes an error. Most concern one event and leave the session as it is.
func (c *Conversation) failed(e *event, at time.Time) {
	a := &c.asked
	switch {
	case e.code == "session_expired":
		c.lose(c.provider.client.Unavailable("the session has expired"), at)
	case a.creating != 0 && e.Error.EventID == createID(a.creating) && e.code == "conversation_already_has_active_response":
		a.creating, a.again = 0, true // its end is on its way
	case a.creating != 0 && e.Error.EventID == createID(a.creating):
		a.creating = 0
		if u := c.speaking; u != nil && !u.fixed && !u.whole {
			c.responseFailed(u, c.provider.client.Failed(e.code), at)
		}
	}
}
