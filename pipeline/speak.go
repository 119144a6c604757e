package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"trunkline/media/player"
	"trunkline/pipeline/ledger"
	"trunkline/pipeline/sentence"
	"trunkline/pipeline/spoken"
	"trunkline/pipeline/turn"
)

// sentencesAhead bounds how far the model may write ahead of the voice.
const sentencesAhead = 16

// errStalled says that a provider sent nothing for Config.Stall.
var errStalled = errors.New("it sent nothing for too long")

// say has a fixed line said.
func (c *Conversation) say(a turn.Action, at time.Time) {
	if a.Text != "" {
		c.callerTurn(a.Text, at)
	}
	t := c.tongue.Load()
	parts := c.cfg.Sequence(a.Line, t.Lines.text(a.Line, a.Stage), t.Tag, !c.prefaced)
	c.prefaced = true
	u := c.newUtterance(a.Utterance)
	all := make([]spoken.Text, len(parts))
	for i, p := range parts {
		all[i] = spoken.One(t.Tag, p.Text)
		u.add(message{said: all[i]})
	}
	c.closeCallerTurn() // no reply comes to it
	c.obs.Words(Agent, u.text, false)
	c.work.Go(func() {
		defer u.cancel(errOver)
		for i, p := range parts {
			t.Lines.Queue(c.player, a.Utterance, all[i].Spoken(), p)
		}
		c.player.Seal(a.Utterance)
	})
}

// interject has a filler, or what a tool asks, said before whatever waits.
func (c *Conversation) interject(a turn.Action) {
	text := c.question
	if a.Line == turn.Filler {
		text = c.fillerText(a)
		c.filler = a.Utterance
		c.hold()
	}
	p := c.tongue.Load().Lines.audio[text]
	c.work.Go(func() {
		seg := c.player.Interject(a.Utterance, text)
		seg.Share(p.samples, p.words)
		c.player.Seal(a.Utterance)
	})
}

// reply has the model answer the history and the voice say it.
func (c *Conversation) reply(id int) {
	u := c.newUtterance(id)
	c.stampCaller(u)
	c.replies++
	r := c.newReplying(u, c.history, c.replies)
	close(r.adopted)
	c.work.Go(r.run)
}

// stampCaller notes in a reply's ledger what led to it.
func (c *Conversation) stampCaller(u *utterance) {
	u.ledger.Stamp(ledger.Speech, c.caller.ended)
	u.ledger.Stamp(ledger.Endpoint, c.caller.judged)
	u.ledger.Stamp(ledger.Final, c.caller.finalised)
}

// newReplying makes what answers a history as the call's nth reply.
func (c *Conversation) newReplying(u *utterance, history []Message, n int) *replying {
	r := &replying{
		conv: c, id: u.id, ctx: u.ctx, cancel: u.cancel,
		req: Request{
			CallID: c.cfg.CallID, Turn: n, Vars: c.cfg.Vars,
			History: append([]Message(nil), history...),
			Elapsed: time.Since(c.answered), Tokens: c.tokens,
		},
		sentences: make(chan piece, sentencesAhead),
		adopted:   make(chan struct{}),
	}
	if c.cfg.Redact != nil {
		c.cfg.Redact(r.req.History)
	}
	r.turnTo(c.tongue.Load())
	if c.cfg.Tools != nil {
		r.req.Tools = c.cfg.Tools.Specs()
	}

	return r
}

func (c *Conversation) newUtterance(id int) *utterance {
	u := c.unspoken(id)
	c.speaking = u

	return u
}

// unspoken is an utterance that is not the agent's yet.
func (c *Conversation) unspoken(id int) *utterance {
	u := &utterance{id: id, known: c.effects.known()}
	u.ctx, u.cancel = context.WithCancelCause(c.ctx)

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
	sentences chan piece
	first     int           // the generation with which it begins: above 0 where another model wrote those before
	adopted   chan struct{} // closed when it is the reply and no guess any more

	tongue *tongue // in which the model's side writes
	reader *spoken.Reader
	voice  voice // of the voice's side
	act    *Act  // the model's side writes it
	spoken bool  // the voice's side writes it
}

// piece is a sentence to be spoken.
type piece struct {
	said      spoken.Text
	tongue    *tongue
	round     int  // the generation that wrote it
	protected bool // the caller must hear it
}

// turnTo has the model go on in a language.
func (r *replying) turnTo(t *tongue) {
	r.tongue, r.reader, r.req.System = t, spoken.New(t.Tag), t.system
}

// voice is what speaks a reply: the same one to its end, unless it fails or the
// language changes.
type voice struct {
	Synthesizer

	of *tongue
}

// turnTo gives the voice of a language.
func (v *voice) turnTo(t *tongue) Synthesizer {
	if v.of != t {
		v.of, v.Synthesizer = t, t.Synthesizer
		if chorus, ok := t.Synthesizer.(Chorus); ok {
			v.Synthesizer = chorus.Voice()
		}
	}

	return v.Synthesizer
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
		err := r.write()
		if err == nil {
			(&stamp{r: r, stage: ledger.Written}).now()
		}
		r.failed("model", err)
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

// errSilent says that a model wrote nothing that can be spoken.
var errSilent = errors.New("it wrote only what cannot be spoken")

// write has the model reply, and run tools in between, until it calls none.
func (r *replying) write() error {
	w := &writing{r: r, split: sentence.New(r.conv.cfg.Sentence), first: stamp{r: r, stage: ledger.Token}, sentence: stamp{r: r, stage: ledger.Sentence}}
	if answer, ok := r.conv.cfg.truth(r.tongue.Tag, r.req.History); ok {
		w.first.now()
		w.protected = true

		return w.hand(0, append(w.split.Push(answer), w.split.Flush()...))
	}
	for n := r.first; ; n++ {
		if n >= maxRounds {
			r.req.Tools = nil
		}
		if t := r.conv.tongue.Load(); n > r.first && t != r.tongue { // a tool changed it
			r.turnTo(t)
		}
		text, calls, err := w.round(n)
		switch {
		case err != nil:
			return err
		case len(calls) == 0 || n >= maxRounds:
			if w.wrote && !w.handed && r.act == nil && n == 0 {
				return errSilent
			}

			return nil
		}
		results, err := r.callTools(n, calls)
		if err != nil || r.act != nil { // the call ends, or goes elsewhere: there is nothing to add
			return err
		}
		r.req.History = append(r.req.History, Message{Role: Agent, Text: text, Calls: calls}, Message{Role: Tool, Results: results})
	}
}

// writing hands the model's words to the voice.
type writing struct {
	r               *replying
	split           *sentence.Splitter
	first, sentence stamp
	protected       bool
	wrote, handed   bool // words; words that can be spoken
}

// round takes one generation, and returns what was written and called.
func (w *writing) round(n int) (string, []ToolCall, error) {
	r := w.r
	watch := r.watch("model")
	defer watch.Stop()
	var text strings.Builder
	var calls []ToolCall
	for d, err := range r.tongue.Model.Generate(r.ctx, r.req) {
		watch.Stop() // the voice may hold the model back as long as it likes
		if err != nil {
			return "", nil, err
		}
		w.first.now()
		if d.Act != nil {
			r.act = d.Act
		}
		if d.Call != nil && r.req.Tools != nil {
			call := *d.Call
			// Models may number the calls of each reply anew.
			call.ID = fmt.Sprintf("call_%d_%d_%d", r.req.Turn, n, len(calls))
			calls = append(calls, call)
		}
		if d.Usage != nil {
			r.conv.send(turn.Event{
				Kind: turn.ReplyCost, Utterance: r.id,
				InputTokens: d.Usage.InputTokens, OutputTokens: d.Usage.OutputTokens,
			})
		}
		if d.Protected != w.protected && d.Text != "" {
			if err := w.hand(n, w.split.Flush()); err != nil {
				return "", nil, err
			}
			w.protected = d.Protected
		}
		text.WriteString(d.Text)
		if err := w.hand(n, w.split.Push(d.Text)); err != nil {
			return "", nil, err
		}
		watch.Reset(r.conv.cfg.Stall)
	}
	watch.Stop()

	return strings.TrimSpace(text.String()), calls, w.hand(n, w.split.Flush())
}

// hand gives sentences to the voice in their spoken form.
func (w *writing) hand(n int, sentences []string) error {
	for _, s := range sentences {
		w.wrote = true
		said := w.r.reader.Read(s)
		if said.Spoken() == "" {
			continue
		}
		w.handed = true
		w.sentence.now()
		select {
		case w.r.sentences <- piece{said: said, tongue: w.r.tongue, round: n, protected: w.protected || w.r.conv.cfg.Protects(s)}:
		case <-w.r.ctx.Done():
			return context.Cause(w.r.ctx)
		}
	}

	return nil
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

func (r *replying) speakOne(p piece, first *stamp) error {
	if err := context.Cause(r.ctx); err != nil {
		return err
	}
	text := p.said.Spoken()
	seg := r.conv.player.Add(r.id, text)
	if p.protected {
		seg.Protect()
	}
	defer seg.Break() // unless it is closed
	r.conv.give(message{kind: isText, said: p.said, round: p.round, event: turn.Event{Utterance: r.id}})
	v := r.voice.turnTo(p.tongue)
	for {
		err := r.sayInto(seg, v, text, first)
		if !errors.Is(err, ErrSayAgain) || context.Cause(r.ctx) != nil {
			return err
		}
		seg.Retake()
	}
}

// sayInto has a voice say a sentence.
func (r *replying) sayInto(seg *player.Segment, v Synthesizer, text string, first *stamp) error {
	watch := r.watch("voice")
	defer watch.Stop()
	for s, err := range v.Synthesize(r.ctx, text) {
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
