package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"trunkline/pipeline/ledger"
	"trunkline/pipeline/sentence"
	"trunkline/pipeline/turn"
)

// sentencesAhead bounds how far the model may write ahead of the voice.
const sentencesAhead = 16

// errStalled says that a provider sent nothing for Config.Stall.
var errStalled = errors.New("it sent nothing for too long")

// say has a fixed line said.
func (c *Conversation) say(a turn.Action) {
	text := c.with.Lines.text(a.Line, a.Stage)
	u := c.newUtterance(a.Utterance, text)
	c.obs.Words(Agent, text, false)
	ctx := u.ctx
	c.work.Go(func() {
		seg := c.player.Add(a.Utterance, text)
		p := c.with.Lines.audio[text]
		_ = seg.Write(ctx, p.samples, p.words) // cleared: then nobody wants it
		seg.Close()
		c.player.Seal(a.Utterance)
	})
}

// reply has the model answer the history and the voice say it.
func (c *Conversation) reply(id int) {
	u := c.newUtterance(id, "")
	u.reply = true
	u.ledger.Stamp(ledger.Speech, c.caller.ended)
	u.ledger.Stamp(ledger.Endpoint, c.caller.judged)
	u.ledger.Stamp(ledger.Final, c.caller.finalised)
	r := &replying{
		conv: c, id: id, ctx: u.ctx, cancel: u.cancel,
		req: Request{
			Turn: c.turns + 1, System: c.cfg.System, Vars: c.cfg.Vars,
			History: append([]Message(nil), c.history...),
		},
		sentences: make(chan string, sentencesAhead),
	}
	c.work.Go(r.run)
}

func (c *Conversation) newUtterance(id int, text string) *utterance {
	u := &utterance{id: id, text: text}
	u.ctx, u.cancel = context.WithCancelCause(c.ctx)
	c.speaking = u

	return u
}

// replying makes one reply: the model writes sentences, the voice speaks them
// into the player, both at the same time.
type replying struct {
	conv      *Conversation
	id        int
	ctx       context.Context
	cancel    context.CancelCauseFunc
	req       Request
	sentences chan string
	act       *Act
}

// run ends when the reply is whole in the player, has failed or was cancelled.
// It tells which, unless it was cancelled.
func (r *replying) run() {
	var model, voice error
	var spoken bool
	var both sync.WaitGroup
	both.Go(func() {
		model = r.write()
		close(r.sentences)
	})
	both.Go(func() {
		if spoken, voice = r.speak(); voice != nil {
			r.cancel(voice) // the model need not go on
		}
	})
	both.Wait()
	r.conv.player.Seal(r.id)
	err := cmp.Or(voice, model)
	if errors.Is(context.Cause(r.ctx), errOver) || errors.Is(context.Cause(r.ctx), errCut) {
		return
	}
	r.cancel(errOver)
	if err != nil {
		r.conv.send(turn.Event{Kind: turn.ReplyFailed, Utterance: r.id, Text: err.Error()})

		return
	}
	e := turn.Event{Kind: turn.ReplyDone, Utterance: r.id, Spoken: spoken}
	if r.act != nil {
		e.Act, e.Args = r.act.Name, r.act.Args
	}
	r.conv.post(message{event: e, at: time.Now(), act: r.act})
}

// write takes the model's tokens and cuts them into sentences.
func (r *replying) write() error {
	split := sentence.New(r.conv.cfg.Sentence)
	watch := r.watch()
	defer watch.Stop()
	for d, err := range r.conv.with.Model.Generate(r.ctx, r.req) {
		if err != nil {
			return r.explain("model", err)
		}
		watch.Reset(r.conv.cfg.Stall)
		r.stamp(ledger.Token)
		if d.Act != nil {
			r.act = d.Act
		}
		for _, s := range split.Push(d.Text) {
			if err := r.hand(s); err != nil {
				return r.explain("model", err)
			}
			watch.Reset(r.conv.cfg.Stall)
		}
	}
	for _, s := range split.Flush() {
		if err := r.hand(s); err != nil {
			return r.explain("model", err)
		}
	}

	return r.explain("model", context.Cause(r.ctx))
}

// hand gives the voice its next sentence.
func (r *replying) hand(s string) error {
	r.stamp(ledger.Sentence)
	select {
	case r.sentences <- s:
		return nil
	case <-r.ctx.Done():
		return context.Cause(r.ctx)
	}
}

// speak has the voice say the sentences as they come.
func (r *replying) speak() (spoken bool, err error) {
	for s := range r.sentences {
		if err := r.speakOne(s); err != nil {
			return spoken, r.explain("voice", err)
		}
		spoken = true
	}

	return spoken, nil
}

func (r *replying) speakOne(text string) error {
	if err := context.Cause(r.ctx); err != nil {
		return err
	}
	seg := r.conv.player.Add(r.id, text)
	defer seg.Close()
	r.conv.post(message{kind: isText, event: turn.Event{Utterance: r.id, Text: text}})
	watch := r.watch()
	defer watch.Stop()
	for s, err := range r.conv.with.Synthesizer.Synthesize(r.ctx, text) {
		watch.Stop() // the player may hold the voice back as long as it likes
		if err != nil {
			return err
		}
		if err := context.Cause(r.ctx); err != nil {
			return err
		}
		r.stamp(ledger.Sample)
		if err := seg.Write(r.ctx, s.Samples, s.Words); err != nil {
			return err
		}
		watch.Reset(r.conv.cfg.Stall)
	}

	return context.Cause(r.ctx)
}

// watch ends the reply when a provider sends nothing for too long.
func (r *replying) watch() *time.Timer {
	return time.AfterFunc(r.conv.cfg.Stall, func() { r.cancel(errStalled) })
}

func (r *replying) stamp(s ledger.Stage) {
	r.conv.post(message{kind: isStamp, stamp: s, at: time.Now(), event: turn.Event{Utterance: r.id}})
}

// explain says whose error it is; a stall shows up as a cancelled context.
func (r *replying) explain(who string, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(r.ctx); cause != nil {
		err = cause
	}

	return fmt.Errorf("%s: %w", who, err)
}

func joinText(a, b string) string {
	return strings.TrimSpace(a + " " + b)
}
