package cost

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"trunkline/media"
	"trunkline/pipeline"
)

// Model is a model with a price. Each use is charged to the call by
// pipeline.News, also one that was cut off: of that the tokens are estimated.
type Model struct {
	pipeline.Model

	Name  string // of the provider, in the configuration
	Price Price
}

// Generate streams the reply.
func (m Model) Generate(ctx context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		var usage pipeline.Usage
		written := 0 // code points
		defer func() {
			if usage == (pipeline.Usage{}) && (written > 0 || ctx.Err() != nil) {
				usage = pipeline.Usage{InputTokens: tokens(size(&req)), OutputTokens: tokens(written)}
			}
			charge(ctx, pipeline.Think, m.Name, m.Price.Reply(&usage))
		}()
		for d, err := range m.Model.Generate(ctx, req) {
			written += utf8.RuneCountInString(d.Text)
			if d.Usage != nil {
				usage = *d.Usage
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

// tokens is about how many tokens a text has: four characters make one.
func tokens(chars int) int { return (chars + 3) / 4 }

// size is how many characters a model reads of a request, tools aside.
func size(req *pipeline.Request) int {
	n := utf8.RuneCountInString(req.System)
	for i := range req.History {
		n += utf8.RuneCountInString(req.History[i].Text)
		for _, r := range req.History[i].Results {
			n += utf8.RuneCountInString(r.Content)
		}
	}

	return n
}

// charge tells the call what a use cost.
func charge(ctx context.Context, s pipeline.Stage, name string, m pipeline.Money) {
	if m > 0 {
		pipeline.Tell(ctx, pipeline.News{Kind: pipeline.Charged, Stage: s, Provider: name, Cost: m})
	}
}

// Warm opens the model's connections.
func (m Model) Warm(ctx context.Context) error { return warm(ctx, m.Model) }

// Synthesizer is a voice with a price. A text is charged as soon as any of its
// audio came, or nobody wants it any more: the provider has it by then.
type Synthesizer struct {
	pipeline.Synthesizer

	Name  string // of the provider, in the configuration
	Price Price
}

// Synthesize streams the audio.
func (s Synthesizer) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		spoke := false
		defer func() {
			if spoke || ctx.Err() != nil {
				charge(ctx, pipeline.Speak, s.Name, s.Price.Text(text))
			}
		}()
		for c, err := range s.Synthesizer.Synthesize(ctx, text) {
			spoke = spoke || len(c.Samples) > 0
			if !yield(c, err) {
				return
			}
		}
	}
}

// Warm opens the voice's connections.
func (s Synthesizer) Warm(ctx context.Context) error { return warm(ctx, s.Synthesizer) }

// Recognizer is a recogniser with a price. What was heard is charged with the
// last words of each talkspurt, and the rest at the end.
type Recognizer struct {
	pipeline.Recognizer

	Name  string // of the provider, in the configuration
	Price Price
}

// Warm opens the recogniser's connections.
func (r Recognizer) Warm(ctx context.Context) error { return warm(ctx, r.Recognizer) }

func warm(ctx context.Context, provider any) error {
	if w, ok := provider.(pipeline.Warmer); ok {
		return w.Warm(ctx) //nolint:wrapcheck // the provider names itself
	}

	return nil
}

// Open takes a stream.
func (r Recognizer) Open(ctx context.Context) (pipeline.Recognition, error) {
	inner, err := r.Recognizer.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	c := &recognition{
		Recognition: inner, of: r, ctx: context.WithoutCancel(ctx),
		out: make(chan pipeline.Transcript, maxUnread), closed: make(chan struct{}),
	}
	c.work.Go(c.pass)

	return c, nil
}

// maxUnread bounds the transcripts that wait for the conversation.
const maxUnread = 64

// recognition counts what a stream hears.
type recognition struct {
	pipeline.Recognition

	of     Recognizer
	ctx    context.Context
	frames atomic.Int64 // heard and not charged yet
	out    chan pipeline.Transcript
	closed chan struct{}
	once   sync.Once
	work   sync.WaitGroup
}

// Write gives the frame on and counts it.
func (c *recognition) Write(f *media.Frame) {
	c.frames.Add(1)
	c.Recognition.Write(f)
}

// Lull says that the caller makes no sound.
func (c *recognition) Lull() {
	if a, ok := c.Recognition.(pipeline.Anticipator); ok {
		a.Lull()
	}
}

// Resume says that the caller goes on.
func (c *recognition) Resume() {
	if a, ok := c.Recognition.(pipeline.Anticipator); ok {
		a.Resume()
	}
}

// Transcripts delivers the words.
func (c *recognition) Transcripts() <-chan pipeline.Transcript { return c.out }

// pass gives the words on, and charges what was heard.
func (c *recognition) pass() {
	defer close(c.out)
	defer c.charge()
	for t := range c.Recognition.Transcripts() {
		if t.Final {
			c.charge()
		}
		select {
		case c.out <- t:
		case <-c.closed: // nobody reads
		}
	}
}

func (c *recognition) charge() {
	heard := media.Samples(c.frames.Swap(0) * media.FrameSamples)
	charge(c.ctx, pipeline.Recognise, c.of.Name, c.of.Price.Audio(heard.Duration()))
}

// Close ends the stream.
func (c *recognition) Close() error {
	c.once.Do(func() { close(c.closed) })
	err := c.Recognition.Close()
	c.work.Wait()

	return err //nolint:wrapcheck // the provider names itself
}
