package call

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"trunkline/storage"
)

// leave ends the call at its door, unless that has ended it. The call goes on
// to its end while the far end has yet to confirm.
func (c *call) leave(r Reason) {
	if c.door == nil {
		return
	}
	select {
	case <-c.door.Done():
		return
	default:
	}
	answered := !c.rec.AnsweredAt.IsZero()
	// The call's own time is over: what is left is bounded by itself.
	ctx, cancel := context.WithTimeout(context.Background(), c.limits.Hangup)
	err := c.within(ctx, c.door.Done(), func() error {
		defer cancel()
		if !answered && c.offer != nil && c.offer.Refuse(r) == nil {
			return nil
		}
		if err := c.door.Hangup(ctx, r); err != nil { // told here: the call may be further on
			c.log.Warn("the far end did not confirm the hang-up", slog.Any("error", err))
		}

		return nil
	})
	if err != nil && !errors.Is(err, errGone) {
		c.log.Error("the door does not end the call", slog.Any("error", err))
	}
}

// tearDown stops the call's parts: the line first, since it uses all others.
func (c *call) tearDown() {
	ctx, cancel := context.WithTimeout(context.Background(), c.limits.Stop)
	defer cancel()
	err := c.within(ctx, nil, func() error {
		if c.remove != nil {
			c.remove()
		}
		if c.conv != nil {
			c.conv.Stop()
			c.notes.settle(true)
			c.notes.heldCards()
			c.prove()
			if c.notes.wishes != nil {
				c.notes.wishes.end()
			}
			if n := c.conv.Lost(); n > 0 {
				c.log.Warn("the conversation was too slow for what happened in it", slog.Uint64("lost_events", n))
			}
		}
		if c.leg != nil {
			_ = c.leg.Close() // its door has closed it, as a rule
		}
		c.stopRecording()

		return nil
	})
	if err != nil {
		c.log.Error("a provider or the disk does not stop; the record is closed without it", slog.Any("error", err))
	}
	if b, ok := c.conv.(biller); ok {
		c.rec.Costs = costs(b.Charges())
	}
	if c.leg != nil {
		c.rec.Media = mediaRecord(together(c.carried, c.leg.Stats()))
	}
	if c.echo != nil {
		if delay, erl, ok := c.echo.Found(); ok {
			c.rec.Media.EchoDelayMS, c.rec.Media.EchoLossDB = storage.Milliseconds(delay), erl
		}
	}
}

// close writes the final record.
func (c *call) close(r Reason) {
	c.cancel(nil)
	if c.out != nil {
		r = r.ofCallee()
	}
	c.rec.State = storage.Ended
	c.rec.EndedAt = time.Now()
	c.rec.EndReason, c.rec.Fault = string(r), r.Fault()
	if c.out != nil && c.rec.Fault == storage.FaultCaller {
		c.rec.Fault = storage.FaultCallee
	}
	c.notes.signalling()
	c.m.cfg.Journal.Update(c.rec)
	c.notes.end(c.rec)
	c.log.Info("call ended", slog.String("reason", string(r)), slog.String("fault", string(c.rec.Fault)),
		slog.Duration("after", c.rec.EndedAt.Sub(c.rec.StartedAt)))
}
