package declared

import (
	"context"
	"sync/atomic"
	"time"
)

// Fault says how one answer goes wrong. The zero Fault is none.
type Fault struct {
	After int   // how much of the answer comes first: partials, tokens or chunks
	Err   error // then the answer fails with this
	Stall bool  // or nothing more comes, until the caller gives up
}

// Plan gives the fault of answer n, counted from 0. A nil Plan has none.
type Plan func(n int) Fault

// At is a Plan in which only answer n has the fault.
func At(n int, f Fault) Plan {
	return func(i int) Fault {
		if i == n {
			return f
		}
		return Fault{}
	}
}

// Every is a Plan in which all answers have the fault.
func Every(f Fault) Plan {
	return func(int) Fault { return f }
}

func (p Plan) fault(n int) Fault {
	if p == nil {
		return Fault{}
	}
	return p(n)
}

// strikes reports whether the fault comes before part n of the answer.
func (f Fault) strikes(n int) bool {
	return (f.Err != nil || f.Stall) && n >= f.After
}

// strike carries the fault out: it stalls until ctx is done, or fails.
func (f Fault) strike(ctx context.Context) error {
	if f.Stall {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return f.Err
}

// counter counts answers from 0.
type counter struct{ n atomic.Int64 }

func (c *counter) next() int { return int(c.n.Add(1) - 1) }

// deadlines waits for instants counted from one beginning.
type deadlines struct {
	start time.Time
	timer *time.Timer
}

// wait blocks until d after the beginning, or gives ctx's cause.
func (w *deadlines) wait(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	left := d - time.Since(w.start)
	if left <= 0 {
		return nil
	}
	if w.timer == nil {
		w.timer = time.NewTimer(left)
	} else {
		w.timer.Reset(left)
	}
	select {
	case <-w.timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *deadlines) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}
