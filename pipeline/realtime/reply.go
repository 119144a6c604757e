package realtime

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/player"
	"trunkline/pipeline"
	"trunkline/pipeline/ledger"
	"trunkline/pipeline/spoken"
	"trunkline/pipeline/turn"
)

// errCut is the cause with which an utterance ends that the caller cut off.
var errCut = errors.New("the caller interrupted")

// longestReply bounds the audio of one reply: longer ones are cut by the
// machine's own bound before that.
const longestReply = 5 * time.Minute

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
	rounds   int    // responses so far
	working  int    // calls without a result
	owed     bool   // a call was made, and the model has not gone on from it
	act      *pipeline.Act
	whole    bool // no further response comes
	spoken   bool
}

// item is a part of an utterance: words with audio, or a call.
type item struct {
	id     string // the server's
	text   string
	octets int // of audio, 8 to a millisecond
	seg    *player.Segment
	call   *toolCall
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
			c.lines.Queue(c.player, a.Utterance, spoken.One(c.cfg.Language, p.Text).Spoken(), p)
		}
		c.player.Seal(a.Utterance)
	})
}

// interject has a filler said before whatever waits.
func (c *Conversation) interject(a turn.Action) {
	text, samples, words := c.lines.Line(a.Line, a.Stage)
	if own := c.toolFiller(a.Stage); own != "" {
		if s, w, made := c.lines.Sentence(own); made {
			text, samples, words = own, s, w
		}
	}
	c.filler = a.Utterance
	c.work.Go(func() {
		seg := c.player.Interject(a.Utterance, text)
		_ = seg.Write(c.ctx, samples, words) // cleared: then nobody wants it
		seg.Close()
		c.player.Seal(a.Utterance)
	})
}

// reply has the model answer the caller.
func (c *Conversation) reply(id int) {
	u := c.newUtterance(id)
	c.stampCaller(u)
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
}

func createID(n int) string { return "create_" + strconv.Itoa(n) }

// stopResponse has the server stop what it makes.
func (c *Conversation) stopResponse() {
	a := &c.asked
	a.again = false
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
		case it.call != nil || whole:
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

// voice writes one reply's audio into the player, which may hold it back as
// long as it likes.
type voice struct {
	player *player.Player
	ctx    context.Context
	wake   chan struct{}

	mu      sync.Mutex
	pieces  []piece
	waiting int
	sealed  bool
}

// piece is some audio of a segment. Without any, the segment is over.
type piece struct {
	seg    *player.Segment
	octets []byte
}

// add queues audio, and reports whether there was room.
func (v *voice) add(seg *player.Segment, octets []byte) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.waiting+len(octets) > int(media.SamplesIn(longestReply)) {
		return false
	}
	v.waiting += len(octets)
	v.pieces = append(v.pieces, piece{seg, octets})
	v.poke()

	return true
}

// seal says that no more comes.
func (v *voice) seal() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sealed = true
	v.poke()
}

func (v *voice) poke() {
	select {
	case v.wake <- struct{}{}:
	default: // it is awake
	}
}

func (v *voice) next() (p piece, some, over bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.pieces) == 0 {
		return piece{}, false, v.sealed
	}
	p = v.pieces[0]
	v.pieces = v.pieces[1:]
	v.waiting -= len(p.octets)

	return p, true, false
}

// speak ends when the reply is whole in the player, or was cut off.
func (v *voice) speak(utterance int) {
	defer v.player.Seal(utterance)
	var samples []int16
	var open *player.Segment
	defer func() {
		if open != nil {
			open.Break() // unless it is closed
		}
	}()
	for {
		p, some, over := v.next()
		switch {
		case over:
			return
		case !some:
			select {
			case <-v.wake:
			case <-v.ctx.Done():
				return
			}
		case len(p.octets) == 0:
			p.seg.Close()
		default:
			open = p.seg
			samples = append(samples[:0], make([]int16, len(p.octets))...)
			g711.PCMU.Decode(samples, p.octets)
			if p.seg.Write(v.ctx, samples, nil) != nil {
				return
			}
		}
	}
}
