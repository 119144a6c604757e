package cost

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"trunkline/media"
	"trunkline/pipeline"
)

// Model is a model with a price.
type Model struct {
	pipeline.Model

	Price Price
}

// Generate streams the reply; its usage carries the cost.
func (m Model) Generate(ctx context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		for d, err := range m.Model.Generate(ctx, req) {
			if d.Usage != nil {
				u := *d.Usage
				u.Cost = m.Price.Reply(&u)
				d.Usage = &u
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

// Warm opens the model's connections.
func (m Model) Warm(ctx context.Context) error { return warm(ctx, m.Model) }

// Synthesizer is a voice with a price.
type Synthesizer struct {
	pipeline.Synthesizer

	Price Price
}

// Synthesize streams the audio; the first chunk carries the cost of the text.
func (s Synthesizer) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return func(yield func(pipeline.Speech, error) bool) {
		due := s.Price.Text(text)
		for c, err := range s.Synthesizer.Synthesize(ctx, text) {
			if err == nil {
				c.Cost, due = due, 0
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// Warm opens the voice's connections.
func (s Synthesizer) Warm(ctx context.Context) error { return warm(ctx, s.Synthesizer) }

// Recognizer is a recogniser with a price.
type Recognizer struct {
	pipeline.Recognizer

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

// Open takes a stream; the last transcript of a talkspurt carries its cost.
func (r Recognizer) Open(ctx context.Context) (pipeline.Recognition, error) {
	inner, err := r.Recognizer.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	c := &recognition{
		Recognition: inner, price: r.Price,
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

	price  Price
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

// Transcripts delivers the words with their cost.
func (c *recognition) Transcripts() <-chan pipeline.Transcript { return c.out }

// pass charges what was heard to the next last words.
func (c *recognition) pass() {
	defer close(c.out)
	for t := range c.Recognition.Transcripts() {
		if t.Final {
			n := c.frames.Swap(0)
			t.Cost = c.price.Audio(media.Samples(n * media.FrameSamples).Duration())
		}
		select {
		case c.out <- t:
		case <-c.closed: // nobody reads
		}
	}
}

// Close ends the stream.
func (c *recognition) Close() error {
	c.once.Do(func() { close(c.closed) })
	err := c.Recognition.Close()
	c.work.Wait()

	return err //nolint:wrapcheck // the provider names itself
}
