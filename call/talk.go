package call

import (
	"cmp"
	"context"
	"errors"
	"time"

	"trunkline/call/transfer"
	"trunkline/media"
	"trunkline/pipeline/turn"
)

// talk runs the deadlines until the call is to end, and says why. Once the
// cap or the operator has ended the call, that is the reason however the rest
// of it goes.
func (c *call) talk() Reason {
	l := c.limits
	limit := time.NewTimer(l.Cap)
	defer limit.Stop()
	warning := stoppedTimer()
	defer warning.Stop()
	if l.WarnBefore != 0 && l.WarnBefore < l.Cap {
		warning.Reset(l.Cap - l.WarnBefore)
	}
	c.force = stoppedTimer() // runs once a last line is ordered
	defer c.force.Stop()
	listen := time.NewTicker(max(l.NoMedia/10, 100*time.Millisecond))
	defer listen.Stop()
	heard := c.rec.AnsweredAt
	stop, unrecorded := c.ctx.Done(), c.recordingFailed()
	for {
		select {
		case <-c.ended():
			if !c.outlived() {
				return cmp.Or(c.ending, c.asked(), c.door.Cause())
			}
		case out := <-c.conv.Done():
			if !c.handsOver(out) {
				return Reason(out.Reason)
			}
		case e := <-c.handEvents():
			if r := c.hands(e); r != "" {
				return r
			}
		case <-c.handTimer():
			if r := c.hands(transfer.Event{Kind: transfer.TimedOut}); r != "" {
				return r
			}
		case r := <-c.referrals():
			c.succeed(r)
		case e := <-c.nextEvents():
			if r := c.succeeds(e); r != "" {
				return r
			}
		case who := <-c.replacements():
			c.replaced(who)
		case <-c.force.C:
			return c.ending
		case <-warning.C:
			c.conv.Announce(turn.CapWarning)
		case <-limit.C:
			if c.joined() {
				return CapReached
			}
			c.finish(turn.CapGoodbye, CapReached)
		case <-stop:
			stop = nil
			switch cause := context.Cause(c.ctx); {
			case errors.Is(cause, errAsked):
				return cmp.Or(c.ending, OperatorHangup)
			case errors.Is(cause, errGoodbye):
				if c.joined() {
					return OperatorHangup
				}
				c.finish(turn.Goodbye, OperatorHangup)
			default:
				if c.joined() {
					return Shutdown
				}
				c.finish(turn.Goodbye, Shutdown)
			}
		case <-c.door.HoldChanged():
			heard = time.Now()
			c.tellHold()
		case <-unrecorded:
			unrecorded = nil
			c.noteFailedRecording()
		case e := <-c.tones:
			c.notes.tone(e)
			if c.fax(e) {
				c.finish(turn.Goodbye, FaxDetected)
			}
		case <-c.unkept:
			c.conv.Announce(turn.NotKept)
		case g := <-c.wished:
			c.answerWish(g)
		case a := <-c.asks:
			unrecorded = c.askedFor(a, unrecorded)
		case e := <-c.owed.told:
			c.owed.said(e)
			c.carrier.follow()
		case e := <-c.first.news:
			if r := c.callee(e); r != "" {
				return r
			}
		case at := <-c.first.heard:
			c.opened(at)
		case now := <-listen.C:
			heard = c.lastHeard(heard, now)
			c.watch(now.Sub(heard))
			if now.Sub(heard) >= l.NoMedia {
				return cmp.Or(c.ending, NoMedia)
			}
		}
	}
}

// finish has a last line said, and then ends the call for r. The first order
// counts.
func (c *call) finish(l turn.Line, r Reason) {
	if c.ending != "" {
		return
	}
	c.ending = r
	c.force.Reset(c.longestFarewell(l))
	c.conv.Finish(l, string(r))
	c.begin()
}

// longestFarewell is how long a last line may take, with what must be said around
// it.
func (c *call) longestFarewell(l turn.Line) time.Duration {
	return c.limits.Farewell + c.around + c.length(l)
}

// length is how long a line takes, for a message that may outlast a farewell.
func (c *call) length(l turn.Line) time.Duration {
	if l != turn.Message {
		return 0
	}
	samples, _ := c.agent.Providers.Lines.Audio(l)

	return media.Samples(len(samples)).Duration()
}

// lastHeard is when the caller's audio last came, or need not have come since
// the caller holds.
func (c *call) lastHeard(before, now time.Time) time.Time {
	if c.door.OnHold() || c.next != nil {
		return now
	}
	if last := c.leg.Stats().LastPacket; last.After(before) {
		return last
	}

	return before
}
