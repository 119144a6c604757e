package engine

import (
	"context"
	"iter"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
)

// measuredModel notes when the first piece of each reply comes.
type measuredModel struct {
	pipeline.Model

	provider *Provider
}

func (m measuredModel) Generate(ctx context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return first(m.provider, m.Model.Generate(ctx, req), func(*pipeline.Delta) bool { return true })
}

func (m measuredModel) Warm(ctx context.Context) error {
	_, err := m.provider.Warm(ctx)

	return err
}

// measuredVoice notes when the first audio of each text comes.
type measuredVoice struct {
	pipeline.Synthesizer

	provider *Provider
}

func (v measuredVoice) Synthesize(ctx context.Context, text string) iter.Seq2[pipeline.Speech, error] {
	return first(v.provider, v.Synthesizer.Synthesize(ctx, text), func(s *pipeline.Speech) bool { return len(s.Samples) > 0 })
}

func (v measuredVoice) Warm(ctx context.Context) error {
	_, err := v.provider.Warm(ctx)

	return err
}

// first notes how long the first piece that counts took.
func first[T any](p *Provider, pieces iter.Seq2[T, error], counts func(*T) bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		began, came := time.Now(), false
		for piece, err := range pieces {
			if !came && err == nil && counts(&piece) {
				came = true
				p.metrics.firstByte(p, time.Since(began))
			}
			if !yield(piece, err) {
				return
			}
		}
	}
}

// measuredRecognizer notes how long last words take from the end of their
// talkspurt.
type measuredRecognizer struct {
	pipeline.Recognizer

	provider *Provider
}

func (r measuredRecognizer) Warm(ctx context.Context) error {
	_, err := r.provider.Warm(ctx)

	return err
}

func (r measuredRecognizer) Open(ctx context.Context) (pipeline.Recognition, error) {
	inner, err := r.Recognizer.Open(ctx)
	if err != nil || r.provider.metrics == nil {
		return inner, err
	}
	m := &measuredRecognition{
		inner: inner, provider: r.provider, out: make(chan pipeline.Transcript, unread), closed: make(chan struct{}),
	}
	m.work.Go(m.pass)

	return m, nil
}

// unread is how many transcripts may wait for the conversation.
const unread = 64

// measuredRecognition is one call's stream.
type measuredRecognition struct {
	inner    pipeline.Recognition
	provider *Provider
	out      chan pipeline.Transcript
	closed   chan struct{}
	once     sync.Once
	work     sync.WaitGroup

	mu    sync.Mutex
	spurt int
	ended time.Time // the end of talkspurt spurt; zero: it goes on
}

// Begin starts a talkspurt.
func (m *measuredRecognition) Begin(n int) {
	m.mu.Lock()
	m.spurt, m.ended = n, time.Time{}
	m.mu.Unlock()
	m.inner.Begin(n)
}

// Write gives a frame on.
func (m *measuredRecognition) Write(f *media.Frame) { m.inner.Write(f) }

// Lull says that the caller makes no sound.
func (m *measuredRecognition) Lull() {
	if a, ok := m.inner.(pipeline.Anticipator); ok {
		a.Lull()
	}
}

// Resume says that the caller goes on.
func (m *measuredRecognition) Resume() {
	if a, ok := m.inner.(pipeline.Anticipator); ok {
		a.Resume()
	}
}

// End ends the talkspurt.
func (m *measuredRecognition) End() {
	m.mu.Lock()
	m.ended = time.Now()
	m.mu.Unlock()
	m.inner.End()
}

// Transcripts delivers the words.
func (m *measuredRecognition) Transcripts() <-chan pipeline.Transcript { return m.out }

func (m *measuredRecognition) pass() {
	defer close(m.out)
	for t := range m.inner.Transcripts() {
		if t.Final && t.Err == nil {
			m.note(t.Spurt)
		}
		select {
		case m.out <- t:
		case <-m.closed: // nobody reads
		}
	}
}

// note measures last words that came after the end. Others came before it.
func (m *measuredRecognition) note(spurt int) {
	m.mu.Lock()
	ended := m.ended
	mine := spurt == m.spurt
	m.mu.Unlock()
	if mine && !ended.IsZero() {
		m.provider.metrics.firstByte(m.provider, time.Since(ended))
	}
}

// Close ends the stream.
func (m *measuredRecognition) Close() error {
	m.once.Do(func() { close(m.closed) })
	err := m.inner.Close()
	m.work.Wait()

	return err
}
