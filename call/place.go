package call

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"trunkline/media"
	"trunkline/media/line"
	"trunkline/media/tone"
	"trunkline/storage"
)

// Causes of the end of a call's context.
var (
	errRing    = errors.New("nobody answered in time")
	errAsked   = errors.New("the operator asked for the end of the call")
	errGoodbye = errors.New("the operator asked for the end of the call, with a goodbye")
)

// progressWaiting bounds the Progress that a call has not looked at yet. A
// carrier that tells more loses the surplus.
const progressWaiting = 16

// outgoing is what a call that we place has beside the others.
type outgoing struct {
	order     Order
	outlet    outlet
	admission Admission
	progress  chan Progress
	admitted  atomic.Bool
}

// placedBefore says that a call with the order's ID runs already.
const placedBefore Reason = "placed_before"

// Place places a call: the Gate decides and stores that, then the call goes
// out. Place returns the call's id as soon as the Gate has allowed it; what
// becomes of it then is in the records. The errors are *OrderError,
// *NotAllowedError, or wrap ErrNoGate, ErrUndecided, ErrAttempted, ErrFull or ErrStopping;
// none of them leaves a record of a call, and nothing was dialed.
func (m *Manager) Place(ctx context.Context, o Order) (uuid.UUID, error) {
	if m.cfg.Gate == nil {
		return uuid.Nil, ErrNoGate
	}
	door, err := o.complete(&m.cfg)
	if err != nil {
		return uuid.Nil, err
	}
	out := m.outlet(door)
	if out == nil {
		return uuid.Nil, &OrderError{"route", fmt.Sprintf("no call can be placed by the door %q of route %q", door, o.Route)}
	}
	c := newCall(m, m.cfg.Agents[o.Agent], storage.Call{
		ID: o.ID, Direction: storage.Outbound, State: storage.Dialing, Door: door, Trunk: o.Trunk, From: o.From, To: o.To,
		Purpose: o.Purpose, Campaign: o.Campaign,
	})
	c.limits.Cap = o.Cap
	c.out = &outgoing{order: o, outlet: out, progress: make(chan Progress, progressWaiting)}
	switch no := m.enter(c); no {
	case "":
	case placedBefore:
		c.cancel(nil)

		return o.ID, m.beingDecided(o.ID)
	case Shutdown:
		c.cancel(nil)

		return uuid.Nil, ErrStopping
	default:
		c.cancel(nil)

		return uuid.Nil, ErrFull
	}
	if err := c.admitFirst(ctx); err != nil {
		c.cancel(nil)
		m.leave(c)
		c.log.Warn("call not dialed", slog.Any("to", o.To), slog.Any("error", err))

		return uuid.Nil, err
	}
	c.out.admitted.Store(true)
	go func() {
		defer m.leave(c)
		c.liveOut()
	}()

	return c.rec.ID, nil
}

// admitFirst asks the Gate, unless the order was admitted before and its process
// ended: it may have been dialed then, and nobody is called twice by one order.
func (c *call) admitFirst(ctx context.Context) error {
	if known := c.m.cfg.Attempted; known != nil && c.out.order.ID != uuid.Nil {
		before, err := known(ctx, c.out.order.ID)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUndecided, err)
		}
		if before {
			return ErrAttempted
		}
	}

	return c.admit(ctx)
}

// beingDecided is the error of an order whose call the Gate has yet to decide
// about for an earlier one; nil when that is dialed.
func (m *Manager) beingDecided(id uuid.UUID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.calls[id]; c != nil && c.out != nil && c.out.admitted.Load() {
		return nil
	}

	return fmt.Errorf("%w yet: an earlier order of it waits for the decision", ErrUndecided)
}

// liveOut is the whole life of a call that we place: dial, talk, end.
func (c *call) liveOut() {
	c.log.Info("call dialed", slog.String("door", string(c.rec.Door)), slog.String("trunk", c.rec.Trunk),
		slog.Any("to", c.rec.To), slog.String("agent", c.rec.Agent), slog.String("decision", c.rec.DecisionID.String()))
	c.run(c.dial, func(err error) Reason {
		reason := undialed(err)
		c.log.Info("call not answered", slog.String("reason", string(reason)), slog.Any("error", err))

		return reason
	})
}

// dial places the call and returns when it is answered and its agent ready. The
// agent is made ready once the INVITE has left, which waits for nothing of it.
func (c *call) dial() error {
	ctx, giveUp := context.WithCancelCause(c.ctx)
	defer giveUp(nil)
	var ready chan error // nil: the agent has not been asked, or is ready
	prepare := sync.OnceFunc(func() {
		runtime.Gosched() // the INVITEs of other orders go first
		done := make(chan error, 1)
		ready = done
		if err := c.equip(); err != nil {
			done <- err

			return
		}
		c.work.Go(func() { done <- c.conv.Prepare(ctx) })
	})
	dialed := make(chan result, 1)
	defer c.m.cfg.Gate.Watch(c.attempt(), func() { giveUp(errRevoked) })()
	c.send(ctx, dialed)

	ring := stoppedTimer() // runs once the call is on the wire
	defer ring.Stop()
	last := stoppedTimer() // runs once all that is missing is the door's confirmation, or the agent
	defer last.Stop()
	over := ctx.Done()
	for dialed != nil || ready != nil {
		select {
		case p := <-c.out.progress:
			switch p.Kind {
			case Sent:
				ring.Reset(c.out.order.Ring)
				prepare()
			case EarlyMedia:
				prepare() // it is listened to
			case Ringing:
			}
			c.progressed(p)
		case r := <-dialed:
			switch {
			case r.err == nil:
				c.answered(r.call)
				dialed = nil
				prepare()
				ring.Stop()
				last.Reset(c.limits.Prepare)
			case errors.Is(r.err, ErrStale) && ctx.Err() == nil:
				if err := c.admit(ctx); err != nil {
					return err
				}
				c.send(ctx, dialed)
			default:
				return cmp.Or(context.Cause(ctx), r.err)
			}
		case e := <-c.tones:
			c.notes.tone(e)
			if err := engaged(e.Kind); err != nil {
				giveUp(err)
			}
		case err := <-ready:
			ready = nil
			if err != nil {
				giveUp(fmt.Errorf("%w: %w", errNotPrepared, err))
			}
		case <-ring.C:
			giveUp(errRing)
		case <-over:
			over = nil
			if dialed == nil {
				return context.Cause(ctx)
			}
			last.Reset(c.limits.Hangup)
		case <-last.C:
			return cmp.Or(context.Cause(ctx), errNotPrepared)
		}
	}

	return context.Cause(ctx)
}

// result is what became of a Dial.
type result struct {
	call placed
	err  error
}

// send has the door place the call. A call that is answered when it has been
// given up is hung up.
func (c *call) send(ctx context.Context, dialed chan<- result) {
	o := Outgoing{
		Call: c.rec.ID, Attempt: c.out.admission.Attempt, Trunk: c.rec.Trunk, To: c.rec.To, From: c.rec.From,
		Ring: c.out.order.Ring, Cap: c.limits.Cap, Expires: c.out.admission.Expires, Leave: c.leaving(),
	}
	c.work.Go(func() {
		call, err := c.out.outlet.Dial(ctx, o, c.told)
		if err == nil && ctx.Err() != nil {
			c.drop(call, CallerCancelled)
			call, err = nil, context.Cause(ctx)
		}
		dialed <- result{call, err}
	})
}

// drop hangs up a call that nobody wants any more.
func (c *call) drop(call door, r Reason) {
	ctx, cancel := context.WithTimeout(context.Background(), c.limits.Hangup)
	defer cancel()
	if err := call.Hangup(ctx, r); err != nil {
		c.log.Warn("the far end did not confirm the hang-up", slog.Any("error", err))
	}
}

// told takes Progress from the door.
func (c *call) told(p Progress) {
	select {
	case c.out.progress <- p:
	default: // the carrier repeats itself
	}
}

// progressed notes how far the call has come.
func (c *call) progressed(p Progress) {
	switch p.Kind {
	case Sent:
		c.notes.follow(p.Signalling)
		c.rec.DoorCallID = p.CallID
	case Ringing:
		c.rec.State = storage.Ringing
	case EarlyMedia:
		c.hearEarly(p.Leg)
	}
	c.notes.progress(p)
	c.m.cfg.Journal.Update(c.rec)
}

// hearEarly listens to what the carrier sends before the answer: ringback,
// announcements, and busy tones that no status tells.
func (c *call) hearEarly(leg media.Leg) {
	if leg == nil || c.remove != nil {
		return
	}
	parts := line.Config{
		Leg: leg, Player: c.player, VAD: c.vad, Ear: deaf{},
		Tones: tone.Progress | tone.Only(tone.SIT), OnTone: c.toneHeard,
	}
	if c.m.cfg.RecordEarly && c.m.cfg.Recordings != nil {
		c.owed.tap = &tap{}
		c.owed.tap.open.Store(true) // nobody is on the line yet
		parts.Tap = c.owed.tap
		_ = c.startRecording() // it has told; the call goes on
	}
	c.remove = c.m.tick(line.New(parts))
}

// deaf is the ear before the answer: nobody is to be understood yet.
type deaf struct{}

func (deaf) Hear(*media.Frame, media.Inbound, bool) {}
func (deaf) Key(media.Digit)                        {}

// engaged is the refusal that a tone tells.
func engaged(k tone.Kind) error {
	switch k {
	case tone.Busy:
		return &refusedError{reason: Busy, err: errors.New("a busy tone was heard")}
	case tone.Reorder:
		return &refusedError{reason: Unreachable, err: errors.New("a reorder tone was heard")}
	default:
		return nil
	}
}

// answered takes over the call that was answered.
func (c *call) answered(p placed) {
	if c.remove != nil {
		c.remove()
		c.remove = nil
	}
	c.door, c.leg = p, p.Leg()
}

// undialed says why a call of ours was not talked on.
func undialed(err error) Reason {
	var refused *refusedError
	var denied *NotAllowedError
	switch {
	case errors.Is(err, errAsked), errors.Is(err, errGoodbye):
		return OperatorHangup
	case errors.Is(err, errRing):
		return NoAnswer
	case errors.Is(err, errRevoked):
		return Revoked
	case errors.As(err, &denied), errors.Is(err, ErrUndecided):
		return NotAllowed
	case errors.As(err, &refused):
		return refused.reason
	case errors.Is(err, errNotPrepared):
		return NotPrepared
	case errors.Is(err, context.Canceled):
		return Shutdown
	default:
		return SignallingFailed
	}
}

func stoppedTimer() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()

	return t
}

// errNotPrepared says that the agent was not ready for the answer.
var errNotPrepared = errors.New("the agent was not made ready")

// Hangup ends a running call, at once or after the agent's goodbye. It does
// not wait for the end.
func (m *Manager) Hangup(id uuid.UUID, goodbye bool) error {
	m.mu.Lock()
	c := m.calls[id]
	m.mu.Unlock()
	if c == nil {
		return fmt.Errorf("call %s: %w", id, ErrNotRunning)
	}
	if goodbye {
		c.cancel(errGoodbye)
	} else {
		c.cancel(errAsked)
	}

	return nil
}
