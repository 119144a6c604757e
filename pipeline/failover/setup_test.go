package failover

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/breaker"
	"trunkline/pipeline/declared"
)

var errDown = errors.New("connection refused")

// option is a provider with a breaker of its own.
func option[T any](name string, p T) Option[T] {
	return Option[T]{Name: name, Provider: p, Breaker: breaker.New(breaker.Config{})}
}

// failures collects what a Watch is told.
type failures struct {
	mu  sync.Mutex
	all []Failure
}

func (f *failures) watch(x Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, x)
}

func (f *failures) kinds() (kinds []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, x := range f.all {
		kinds = append(kinds, x.Provider+" "+string(x.Kind))
	}

	return kinds
}

// said is a declared model's text.
func said(text string) func(pipeline.Request) (string, *pipeline.Act) {
	return func(pipeline.Request) (string, *pipeline.Act) { return text, nil }
}

// read takes a whole reply.
func read(ctx context.Context, m pipeline.Model, req pipeline.Request) (text string, err error) {
	for d, err := range m.Generate(ctx, req) {
		if err != nil {
			return text, err
		}
		text += d.Text
	}

	return text, nil
}

// spoken takes the length of a sentence.
func spoken(ctx context.Context, s pipeline.Synthesizer, text string) (samples int, err error) {
	for c, err := range s.Synthesize(ctx, text) {
		if err != nil {
			return samples, err
		}
		samples += len(c.Samples)
	}

	return samples, nil
}

// scripted is a model made of a function.
type scripted func(ctx context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error]

func (f scripted) Generate(ctx context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return f(ctx, req)
}

// listener is a recogniser that says how many frames of each talkspurt it heard.
type listener struct {
	declared.Recognizer

	mu     sync.Mutex
	frames map[int]int
}

func (l *listener) Open(ctx context.Context) (pipeline.Recognition, error) {
	r, err := l.Recognizer.Open(ctx)
	if err != nil {
		return nil, err
	}

	return &listening{Recognition: r, l: l}, nil
}

type listening struct {
	pipeline.Recognition

	l *listener
	n int
}

func (l *listening) Begin(n int) {
	l.n = n
	l.Recognition.Begin(n)
}

func (l *listening) Write(f *media.Frame) {
	l.l.mu.Lock()
	if l.l.frames == nil {
		l.l.frames = map[int]int{}
	}
	l.l.frames[l.n]++
	l.l.mu.Unlock()
	l.Recognition.Write(f)
}

// speak gives a talkspurt to a stream in real time.
func speak(r pipeline.Recognition, n int, d time.Duration) {
	r.Begin(n)
	for range d / media.FrameDuration {
		r.Write(&media.Frame{100, -100})
		time.Sleep(media.FrameDuration)
	}
	r.End()
}

// final waits for the last words of a talkspurt.
func final(t *testing.T, r pipeline.Recognition, n int) pipeline.Transcript {
	t.Helper()
	for tr := range r.Transcripts() {
		if tr.Final && tr.Spurt == n {
			return tr
		}
	}
	t.Fatalf("the stream ended without last words of talkspurt %d", n)

	return pipeline.Transcript{}
}
