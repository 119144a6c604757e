package pipeline

import (
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
	c.closeCallerTurn() // no reply comes to it
	c.obs.Words(Agent, text, false)
	c.work.Go(func() {
		defer u.cancel(errOver)
		seg := c.player.Add(a.Utterance, text)
		p := c.with.Lines.audio[text]
		_ = seg.Write(u.ctx, p.samples, p.words) // cleared: then nobody wants it
		seg.Close()
		c.player.Seal(a.Utterance)
	})
}

// reply has the model answer the history and the voice say it.
func (c *Conversation) reply(id int) {
	u := c.newUtterance(id, "")
	u.ledger.Stamp(ledger.Speech, c.caller.ended)
	u.ledger.Stamp(ledger.Endpoint, c.caller.judged)
	u.ledger.Stamp(ledger.Final, c.caller.finalised)
	c.replies++
	r := &replying{
		conv: c, id: id, ctx: u.ctx, cancel: u.cancel,
		req: Request{
			CallID: c.cfg.CallID, Turn: c.replies, System: c.cfg.System, Vars: c.cfg.Vars,
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

	act    *Act // the model's side writes it
	spoken bool // the voice's side writes it
}

// run ends when the reply is whole in the player, has failed or was cancelled.
// It tells which, unless it was cancelled. It tells it before the player may
// finish the utterance: the end of the audio carries out the reply's act.
func (r *replying) run() {
	defer r.conv.player.Seal(r.id)
	defer r.cancel(errOver)
	var both sync.WaitGroup
	both.Go(func() {
		defer close(r.sentences)
		r.failed("model", r.write())
	})
	both.Go(func() { r.failed("voice", r.speak()) })
	both.Wait()
	switch err := context.Cause(r.ctx); {
	case err == nil:
		e := turn.Event{Kind: turn.ReplyDone, Utterance: r.id, Spoken: r.spoken}
		if r.act != nil {
			e.Act, e.Args = r.act.Name, r.act.Args
		}
		r.conv.give(message{event: e, at: time.Now(), act: r.act})
	case !errors.Is(err, errOver) && !errors.Is(err, errCut):
		r.conv.send(turn.Event{Kind: turn.ReplyFailed, Utterance: r.id, Text: err.Error()})
	}
}

// failed ends the reply with the first error of either side.
func (r *replying) failed(who string, err error) {
	if err != nil {
		r.cancel(fmt.Errorf("%s: %w", who, err)) // a cause that came before stands
	}
}

// write takes the model's tokens and cuts them into sentences.
func (r *replying) write() error {
	split := sentence.New(r.conv.cfg.Sentence)
	watch := r.watch("model")
	defer watch.Stop()
	first := stamp{r: r, stage: ledger.Token}
	firstSentence := stamp{r: r, stage: ledger.Sentence}
	hand := func(pieces []string) error {
		for _, s := range pieces {
			firstSentence.now()
			select {
			case r.sentences <- s:
			case <-r.ctx.Done():
				return context.Cause(r.ctx)
			}
		}

		return nil
	}
	for d, err := range r.conv.with.Model.Generate(r.ctx, r.req) {
		watch.Stop() // the voice may hold the model back as long as it likes
		if err != nil {
			return err
		}
		first.now()
		if d.Act != nil {
			r.act = d.Act
		}
		if err := hand(split.Push(d.Text)); err != nil {
			return err
		}
		watch.Reset(r.conv.cfg.Stall)
	}
	watch.Stop()

	return hand(split.Flush())
}

// speak has the voice say the sentences as they come.
func (r *replying) speak() error {
	first := stamp{r: r, stage: ledger.Sample}
	for s := range r.sentences {
		if err := r.speakOne(s, &first); err != nil {
			return err
		}
		r.spoken = true
	}

	return nil
}

func (r *replying) speakOne(text string, first *stamp) error {
	if err := context.Cause(r.ctx); err != nil {
		return err
	}
	seg := r.conv.player.Add(r.id, text)
	defer seg.Break() // unless it is closed
	r.conv.give(message{kind: isText, event: turn.Event{Utterance: r.id, Text: text}})
	watch := r.watch("voice")
	defer watch.Stop()
	for s, err := range r.conv.with.Synthesizer.Synthesize(r.ctx, text) {
		watch.Stop() // the player may hold the voice back as long as it likes
		if err != nil {
			return err
		}
		first.now()
		if err := seg.Write(r.ctx, s.Samples, s.Words); err != nil {
			return err
		}
		watch.Reset(r.conv.cfg.Stall)
	}

	if err := context.Cause(r.ctx); err != nil {
		return err
	}
	seg.Close()

	return nil
}

// watch ends the reply when a provider sends nothing for too long.
func (r *replying) watch(who string) *time.Timer {
	return time.AfterFunc(r.conv.cfg.Stall, func() { r.failed(who, errStalled) })
}

// stamp tells the loop when a stage of the reply was passed first.
type stamp struct {
	r     *replying
	stage ledger.Stage
	done  bool
}

func (s *stamp) now() {
	if s.done {
		return
	}
	s.done = true
	s.r.conv.give(message{kind: isStamp, stamp: s.stage, at: time.Now(), event: turn.Event{Utterance: s.r.id}})
}

func joinText(a, b string) string {
	return strings.TrimSpace(a + " " + b)
}
