package sphinx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"trunkline/pipeline"
)

// ErrClosed says that the Recognizer was closed.
var ErrClosed = errors.New("the recogniser is closed")

// Recognizer is a bounded pool of decoders. It implements
// [pipeline.Recognizer] and is safe for concurrent use.
type Recognizer struct {
	log    *slog.Logger
	size   int
	create func() (decoder, error)

	// run holds one token per decoder that may compute at this instant.
	run chan struct{}

	mu      sync.Mutex
	closed  bool
	idle    []decoder
	streams map[*stream]struct{}
	making  int // decoders being created
	quiet   sync.Cond
}

// New prepares the models that c asks for and makes the first decoder, so that
// whatever is wrong shows now. The first start with new models takes up to a
// second in the mode Domain, three with the general model. Without the build
// tag offline the error is [ErrNotBuilt].
func New(ctx context.Context, c Config) (*Recognizer, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("offline recogniser: %w", err)
	}
	m, err := prepare(c)
	if err != nil {
		return nil, fmt.Errorf("offline recogniser: %w", err)
	}
	r := newRecognizer(c.Pool, c.Log, func() (decoder, error) { return newDecoder(m) })
	if err := r.Prewarm(ctx, 1); err != nil {
		return nil, fmt.Errorf("offline recogniser: %w", err)
	}
	return r, nil
}

func newRecognizer(size int, log *slog.Logger, create func() (decoder, error)) *Recognizer {
	r := &Recognizer{
		log:     log,
		size:    size,
		create:  create,
		run:     make(chan struct{}, running()),
		streams: map[*stream]struct{}{},
	}
	r.quiet.L = &r.mu
	return r
}

// Prewarm makes decoders until n, or the whole pool if that is smaller, exist.
// It stops early when ctx ends.
func (r *Recognizer) Prewarm(ctx context.Context, n int) error {
	for ctx.Err() == nil {
		r.mu.Lock()
		if r.closed || r.count() >= min(n, r.size) {
			r.mu.Unlock()
			return nil
		}
		r.making++
		r.mu.Unlock()
		d, err := r.make()
		if err != nil {
			return err
		}
		r.put(d)
	}
	return context.Cause(ctx)
}

// Open takes a decoder for one call; one that is not yet made takes some tens
// of milliseconds in the mode Domain. It returns [pipeline.ErrBusy] at once
// when all are taken.
func (r *Recognizer) Open(ctx context.Context) (pipeline.Recognition, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	d, err := r.take()
	if err != nil {
		return nil, err
	}
	if d == nil {
		if d, err = r.make(); err != nil {
			return nil, err
		}
	}
	d.reset()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		d.free()
		return nil, ErrClosed
	}
	s := newStream(d, r.run, r.release)
	r.streams[s] = struct{}{}
	go s.serve()
	return s, nil
}

// take gives an idle decoder, or none and the right to make one.
func (r *Recognizer) take() (decoder, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, ErrClosed
	case len(r.idle) > 0:
		d := r.idle[len(r.idle)-1]
		r.idle = r.idle[:len(r.idle)-1]
		return d, nil
	case r.count() >= r.size:
		return nil, pipeline.ErrBusy
	}
	r.making++
	return nil, nil
}

// make creates a decoder for one that was counted in making.
func (r *Recognizer) make() (decoder, error) {
	d, err := r.create()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.making--
	r.quiet.Broadcast()
	return d, err
}

// count is how many decoders there are or will be. The caller holds mu.
func (r *Recognizer) count() int { return len(r.idle) + len(r.streams) + r.making }

// release takes back the decoder of a stream that ended. One that failed is
// not used again.
func (r *Recognizer) release(s *stream, d decoder, err error) {
	if err != nil {
		r.log.Error("a decoder failed and is given up", "error", err)
		d.free()
		d = nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.streams, s)
	if d != nil {
		r.putLocked(d)
	}
}

func (r *Recognizer) put(d decoder) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.putLocked(d)
}

func (r *Recognizer) putLocked(d decoder) {
	if r.closed {
		d.free()
		return
	}
	r.idle = append(r.idle, d)
}

// InUse is how many streams are open, and Size how many may be.
func (r *Recognizer) InUse() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.streams)
}

// Size is the most streams that may be open at once.
func (r *Recognizer) Size() int { return r.size }

// Close closes all streams, waits until they are quiet and frees the decoders.
// It may be called twice.
func (r *Recognizer) Close() error {
	r.mu.Lock()
	r.closed = true
	var open []*stream
	for s := range r.streams {
		open = append(open, s)
	}
	idle := r.idle
	r.idle = nil
	for r.making > 0 {
		r.quiet.Wait()
	}
	r.mu.Unlock()

	for _, s := range open {
		_ = s.Close() // reports nothing
	}
	for _, d := range idle {
		d.free()
	}
	return nil
}
