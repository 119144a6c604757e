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
	made    int // decoders that exist or are being made
	moving  int // decoders on their way from one state to another, outside mu
	still   sync.Cond
	idle    []decoder
	streams map[*stream]struct{}
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
	r.still.L = &r.mu
	return r
}

// Prewarm makes decoders until n, or the whole pool if that is smaller, exist.
// It stops early when ctx ends.
func (r *Recognizer) Prewarm(ctx context.Context, n int) error {
	for ctx.Err() == nil {
		r.mu.Lock()
		if r.closed || r.made >= min(n, r.size) {
			r.mu.Unlock()
			return nil
		}
		r.made++
		r.moving++
		r.mu.Unlock()

		d, err := r.create()
		if err = r.arrive(d, err, r.rest); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// Open takes a decoder for one call; one that is not yet made takes some tens
// of milliseconds in the mode Domain. It returns [pipeline.ErrBusy] at once
// when all are taken.
func (r *Recognizer) Open(ctx context.Context) (pipeline.Recognition, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	d, err := r.take()
	if err != nil {
		return nil, err
	}
	if d == nil {
		d, err = r.create()
	}
	if err == nil {
		d.reset()
	}
	var s *stream
	err = r.arrive(d, err, func(d decoder) {
		s = newStream(d, r.run, r.release)
		r.streams[s] = struct{}{}
		go s.serve()
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// take gives an idle decoder, or nil and the right to make one.
func (r *Recognizer) take() (decoder, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var d decoder
	switch {
	case r.closed:
		return nil, ErrClosed
	case len(r.idle) > 0:
		d = r.idle[len(r.idle)-1]
		r.idle = r.idle[:len(r.idle)-1]
	case r.made < r.size:
		r.made++
	default:
		return nil, pipeline.ErrBusy
	}
	r.moving++
	return d, nil
}

// arrive ends the way of a decoder: to use, or, when it failed or the
// Recognizer was closed meanwhile, out of the pool.
func (r *Recognizer) arrive(d decoder, err error, use func(decoder)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.moving--
	r.still.Broadcast()
	if err == nil && r.closed {
		d.free()
		err = ErrClosed
	}
	if err != nil {
		r.made--
		return err
	}
	use(d)
	return nil
}

// release takes back the decoder of a stream that ended. One that failed is
// not used again.
func (r *Recognizer) release(s *stream, d decoder, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.streams, s)
	if err == nil {
		r.rest(d)
		return
	}
	r.log.Error("a decoder failed and is given up", "error", err)
	d.free()
	r.made--
}

// rest makes d idle. The caller holds mu.
func (r *Recognizer) rest(d decoder) {
	if r.closed {
		d.free()
		r.made--
		return
	}
	r.idle = append(r.idle, d)
}

// InUse is how many streams are open.
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
	for r.moving > 0 {
		r.still.Wait()
	}
	var open []*stream
	for s := range r.streams {
		open = append(open, s)
	}
	for _, d := range r.idle {
		d.free()
		r.made--
	}
	r.idle = nil
	r.mu.Unlock()

	for _, s := range open {
		_ = s.Close() // reports nothing
	}
	return nil
}
