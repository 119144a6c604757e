package call

import (
	"context"
	"errors"
	"strings"
	"sync"

	"trunkline/call/transfer"
)

// second is a call of ours to somebody beside the caller, until it is taken
// over or nobody wants it any more.
type second struct {
	ctx      context.Context // ends when it is given up
	cancel   context.CancelFunc
	answered chan placed // once
	mu       sync.Mutex  // orders an answer and the end that crosses it
	gone     bool        // nobody wants it any more
}

func newSecond() *second {
	s := &second{answered: make(chan placed, 1)}
	s.ctx, s.cancel = context.WithCancel(context.Background()) // the call's end gives it up by itself

	return s
}

// takes keeps the call that was answered, unless nobody wants it any more.
func (s *second) takes(p placed) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return false
	}
	s.answered <- p

	return true
}

// callSecond places it, and tells how that goes.
func (c *call) callSecond(s *second, by outlet, o Outgoing, tell func(transfer.Event)) {
	progress := func(p Progress) {
		switch p.Kind {
		case Sent:
			c.notes.follow(p.Signalling)
		case Ringing, EarlyMedia:
			tell(transfer.Event{Kind: transfer.Rang, Status: p.Status})
		}
	}
	c.work.Go(func() {
		p, err := by.Dial(s.ctx, o, progress)
		var refused *refusedError
		switch {
		case err == nil && s.takes(p):
			tell(transfer.Event{Kind: transfer.Answered})
		case err == nil:
			c.drop(p, CallerCancelled)
		case errors.As(err, &refused):
			tell(transfer.Event{Kind: transfer.NotPut, Status: refused.status, Why: strings.ReplaceAll(string(refused.reason), "_", " ")})
		default:
			tell(transfer.Event{Kind: transfer.NotPut, Why: err.Error()})
		}
	})
}

// dropSecond gives it up, or hangs it up; p is nil unless the call has looked
// at its answer.
func (c *call) dropSecond(s *second, p placed) {
	s.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return
	}
	s.gone = true
	if p == nil {
		select {
		case p = <-s.answered:
		default:
			return
		}
	}
	select {
	case <-p.Done(): // the far end has hung up
	default:
		c.work.Go(func() { c.drop(p, CallerCancelled) })
	}
}
