package failover

import (
	"context"
	"errors"
	"fmt"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/breaker"
)

// ErrResting is the error of a provider whose breaker is open.
var ErrResting = errors.New("it failed before and rests")

// Option is one provider of a stage.
type Option[T any] struct {
	Name     string // such as "deepgram"
	Provider T
	Breaker  *breaker.Breaker
	// FirstByte is the longest wait for the first sign of life: the opened
	// stream of a recogniser and its last words after a talkspurt, the first
	// delta of a model, the first audio of a voice.
	FirstByte time.Duration
	// Stall is the longest pause after that.
	Stall time.Duration
}

// Failure is told of each provider that failed.
type Failure struct {
	Stage    pipeline.Stage
	Provider string
	Kind     pipeline.FaultKind
	Err      error
	At       time.Time
}

// Watch is told of failures in all calls. It must not wait. Nil is none. Each
// call is told of its own by pipeline.News.
type Watch func(Failure)

// attempt is one use of a provider.
type attempt struct {
	stage pipeline.Stage
	name  string
	leave *breaker.Attempt
	tell  Watch
}

// try asks the provider's breaker for leave.
func try[T any](ctx context.Context, s pipeline.Stage, o *Option[T], w Watch) (*attempt, error) {
	leave, ok := o.Breaker.Try(time.Now())
	if !ok {
		err := &pipeline.ProviderError{
			Provider: o.Name, Kind: pipeline.Unavailable, RetryAfter: time.Until(o.Breaker.Until()), Err: ErrResting,
		}
		pipeline.Tell(ctx, pipeline.News{Kind: pipeline.Failed, Stage: s, Provider: o.Name, Err: err})

		return nil, err
	}

	return &attempt{stage: s, name: o.Name, leave: leave, tell: w}, nil
}

// failed gives the attempt back and names the provider in the error. A failure
// after the caller's own context ended is none of the provider's.
func (a *attempt) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		a.leave.Abandon()

		return context.Cause(ctx)
	}
	if errors.Is(err, pipeline.ErrBusy) { // it works, and is full
		a.leave.Abandon()
	} else {
		a.leave.Fail(time.Now(), rest(err))
	}
	f := pipeline.Fault(err)
	if a.tell != nil {
		a.tell(Failure{Stage: a.stage, Provider: a.name, Kind: f.Kind, Err: err, At: time.Now()})
	}

	pipeline.Tell(ctx, pipeline.News{Kind: pipeline.Failed, Stage: a.stage, Provider: a.name, Err: err})

	return fmt.Errorf("%s: %w", a.name, err)
}

// relief tells when a provider works in place of one that failed.
type relief struct {
	since time.Time // when the latest failure was found; zero: none did
}

// wanted notes a failure.
func (r *relief) wanted() { r.since = time.Now() }

// came notes a sign of life, and tells of the first one after a failure.
func (r *relief) came(ctx context.Context, s pipeline.Stage, name string) {
	if r.since.IsZero() {
		return
	}
	pipeline.Tell(ctx, pipeline.News{Kind: pipeline.TookOver, Stage: s, Provider: name, Took: time.Since(r.since)})
	r.since = time.Time{}
}

// refusedFor is how long a provider rests that refused the key or the request:
// the next call would fare no better.
const refusedFor = time.Minute

// rest is how long the failure asks the provider to be left alone.
func rest(err error) time.Duration {
	f := pipeline.Fault(err)
	switch f.Kind {
	case pipeline.RateLimited:
		return max(f.RetryAfter, time.Second)
	case pipeline.Rejected:
		return refusedFor
	default:
		return f.RetryAfter
	}
}

// slow is the failure of a provider that did not answer in time.
func slow(name, what string, d time.Duration) error {
	return &pipeline.ProviderError{
		Provider: name, Kind: pipeline.Slow, Err: fmt.Errorf("no %s within %v", what, d),
	}
}

// patience ends a context when the next sign of life does not come in time.
type patience struct {
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

// expect gives a context that ends with err unless the result is told of a
// sign of life within d.
func expect(ctx context.Context, d time.Duration, err error) (context.Context, *patience) {
	ctx, cancel := context.WithCancelCause(ctx)

	return ctx, &patience{cancel: cancel, timer: time.AfterFunc(d, func() { cancel(err) })}
}

// pause stops the waiting while the other side takes its time.
func (p *patience) pause() { p.timer.Stop() }

// next waits again.
func (p *patience) next(d time.Duration) { p.timer.Reset(d) }

func (p *patience) end() {
	p.timer.Stop()
	p.cancel(nil)
}

// warm warms all that can be.
func warm[T any](ctx context.Context, options []Option[T]) error {
	var errs []error
	for i := range options {
		if w, ok := any(options[i].Provider).(pipeline.Warmer); ok {
			if err := w.Warm(ctx); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", options[i].Name, err))
			}
		}
	}

	return errors.Join(errs...)
}
