package rest

import (
	"context"
	"time"
)

// pace lets calls leave one after another, in the order in which they came.
type pace struct {
	every time.Duration
	turn  chan time.Time // holds when the next may leave, while nobody waits for that
}

func newPace(perSecond float64) *pace {
	p := &pace{every: time.Duration(float64(time.Second) / perSecond), turn: make(chan time.Time, 1)}
	p.turn <- time.Time{}

	return p
}

// wait returns when it is the caller's turn to leave. A caller that gives up
// takes no turn. After expires it is ErrStale; zero means never.
func (p *pace) wait(ctx context.Context, expires time.Time) error {
	if !expires.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, expires, ErrStale)
		defer cancel()
	}
	select {
	case next := <-p.turn:
		err := sleep(ctx, time.Until(next))
		if err == nil {
			next = time.Now().Add(p.every)
		}
		p.turn <- next

		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// sleep waits, or returns why that was cut short.
func sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
