package realtime

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"trunkline/media"
	"trunkline/media/player"
	"trunkline/pipeline"
	"trunkline/pipeline/ledger"
	"trunkline/pipeline/spoken"
	"trunkline/pipeline/turn"
)

// errCut is the cause with which an utterance ends that the caller cut off.
var errCut = errors.New("the caller interrupted")

// utterance is what the agent says, from its order to its end.
type utterance struct {
	id     int
	items  []*item
	fixed  bool // a line, which the server does not know
	failed bool
	turn   int // number of the turn; 0 until it is heard
	ctx    context.Context
	cancel context.CancelCauseFunc
	ledger ledger.Ledger
	began  time.Time

	voice    *voice
	response string // that makes it now; empty: none
	retried  bool   // a session was lost while it was made
	rounds   int    // responses so far
	working  int    // calls without a result
	owed     bool   // a call was made, and the model has not gone on from it
	act      *pipeline.Act
	whole    bool // no further response comes
	spoken   bool
}

// item is a part of an utterance: words with audio, or a call.
type item struct {
	id     string // the server's; empty: of a session that is lost, or of none
	text   string
	octets int // of audio, 8 to a millisecond
	seg    *player.Segment
	call   *toolCall
	closed bool // its audio is whole
}

func (u *utterance) text() string {
	var parts []string
	for _, it := range u.items {
		if t := strings.TrimSpace(it.text); t != "" {
			parts = append(parts, t)
		}
	}

	return strings.Join(parts, " ")
}

// item is the utterance's item of words with a server's id, or a new one.
func (c *Conversation) item(u *utterance, id string) *item {
	for _, it := range u.items {
		if it.id == id {
			return it
		}
	}
	it := &item{id: id, seg: c.player.Add(u.id, "")}
	u.items = append(u.items, it)

	return it
}

// asked is what the server was asked for and has not answered.
type asked struct {
	creating  int    // number of the response that was asked for; 0: none
	count     int    // of responses asked for
	active    string // the response that is made
	unwanted  bool   // the response that was asked for is not wanted any more
	again     bool   // ask for one as soon as none is made
	committed bool   // the server has taken what the caller said since the latest onset
}

func (c *Conversation) newUtterance(id int) *utterance {
	u := &utterance{id: id}
	u.ctx, u.cancel = context.WithCancelCause(c.ctx)
	c.speaking = u

	return u
}

// say has a fixed line said.
func (c *Conversation) say(a turn.Action) {
	text, _, _ := c.lines.Line(a.Line, a.Stage)
	if a.Line == turn.Truth {
		text = c.truth
	}
	parts := c.cfg.Sequence(a.Line, text, c.cfg.Language, !c.prefaced)
	c.prefaced = true
	u := c.newUtterance(a.Utterance)
	u.fixed = true
	for _, p := range parts {
		u.items = append(u.items, &item{text: p.Text})
	}
	c.closeCallerTurn() // no reply comes to it
	c.obs.Words(pipeline.Agent, u.text(), false)
	c.work.Go(func() {
		defer u.cancel(errOver)
		for _, p := range parts {
			p.Guarded = p.Guarded || a.Line == turn.Truth
			c.lines.Queue(c.player, a.Utterance, spoken.One(c.cfg.Language, p.Text).Spoken(), p)
		}
		c.player.Seal(a.Utterance)
	})
}

// answerTruly says, as a reply, what no model may answer.
func (c *Conversation) answerTruly(u *utterance, answer string, at time.Time) {
	u.fixed, u.whole = true, true
	u.items = append(u.items, &item{text: answer})
	c.obs.Words(pipeline.Agent, answer, false)
	c.step(turn.Event{Kind: turn.ReplyDone, Utterance: u.id, Spoken: true}, at)
	c.work.Go(func() {
		defer u.cancel(errOver)
		part := pipeline.Spoken{Part: pipeline.Part{Text: answer}, Guarded: true}
		c.lines.Queue(c.player, u.id, spoken.One(c.cfg.Language, answer).Spoken(), part)
		c.player.Seal(u.id)
	})
}

// interject has a filler, or what a tool asks, said before whatever waits.
func (c *Conversation) interject(a turn.Action) {
	text, samples, words := c.lines.Line(a.Line, a.Stage)
	own := c.question
	if a.Line == turn.Filler {
		own = c.toolFiller(a.Stage)
		c.filler = a.Utterance
	}
	if s, w, made := c.lines.Sentence(own); made && own != "" {
		text, samples, words = own, s, w
	}
	c.work.Go(func() {
		seg := c.player.Interject(a.Utterance, text)
		_ = seg.Write(c.ctx, samples, words) // cleared: then nobody wants it
		seg.Close()
		c.player.Seal(a.Utterance)
	})
}

// reply has the model answer the caller.
func (c *Conversation) reply(id int, at time.Time) {
	u := c.newUtterance(id)
	c.stampCaller(u)
	if s := c.caller.latest; s != nil {
		s.truth = false // an answer of which nothing was heard does not count
	}
	if answer, ok := c.truthful(c.caller.latest); ok {
		c.answerTruly(u, answer, at)

		return
	}
	u.voice = &voice{player: c.player, ctx: u.ctx, wake: make(chan struct{}, 1)}
	c.work.Go(func() { u.voice.speak(id) })
	c.respond(u)
}

// maxRounds bounds how often the model may call tools in one reply.
const maxRounds = 4

// respond asks for a response, as soon as no other is made.
func (c *Conversation) respond(u *utterance) {
	a := &c.asked
	if c.link == nil || a.creating != 0 || a.active != "" {
		a.again = true

		return
	}
	a.again = false
	a.count++
	a.creating = a.count
	a.unwanted = false
	u.owed = false
	r := object{"type": "response.create", "event_id": createID(a.count)}
	if u.rounds >= maxRounds {
		r["response"] = object{"tool_choice": "none"}
	}
	c.tell(r)
	c.watch(time.Now())
}

func createID(n int) string { return "create_" + strconv.Itoa(n) }

// stopResponse has the server stop what it makes.
func (c *Conversation) stopResponse() {
	a := &c.asked
	a.again = false
	c.unwatch()
	switch {
	case a.creating != 0:
		a.unwanted = true // it has no name yet
	case a.active != "":
		c.tell(object{"type": "response.cancel", "response_id": a.active})
	}
}

// cut ends the utterance that goes on.
func (c *Conversation) cut() {
	u := c.speaking
	if u != nil {
		u.cancel(errCut)
		defer c.player.Seal(u.id)
	}
	c.player.Clear()
	if u == nil {
		return
	}
	if !u.fixed {
		c.stopResponse()
	}
	c.agentTurn(u, true)
}

// truncate has the server know what was heard of an utterance: played samples.
func (c *Conversation) truncate(u *utterance, played int, whole bool) {
	if u.fixed {
		if t := c.player.Heard(u.id).Text; t != "" {
			c.tell(agentSaid(t))
		}

		return
	}
	for _, it := range u.items {
		switch {
		case it.call != nil || whole || it.id == "":
		case played <= 0:
			c.tell(object{"type": "conversation.item.delete", "item_id": it.id})
		case played < it.octets || !u.whole && it == u.items[len(u.items)-1]:
			c.tell(object{
				"type": "conversation.item.truncate", "item_id": it.id, "content_index": 0,
				"audio_end_ms": min(played, it.octets) / samplesPerMS,
			})
		}
		played -= it.octets
	}
}

const samplesPerMS = media.SampleRate / 1000
