package call

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"trunkline/call/transfer"
	"trunkline/media/echo"
	"trunkline/pipeline/turn"
	"trunkline/privacy"
	"trunkline/sip"
	"trunkline/storage"
)

// A referable door's far end may have somebody else take its place.
type referable interface {
	// Referrals receives whom it wants called. Each is reported on to its end.
	Referrals() <-chan *sip.Referral
	// Replaced receives who has taken its place by the carrier's doing (RFC
	// 3891). The audio stays the same.
	Replaced() <-chan sip.Info
}

// The kinds of recorded events that tell of it: the one who comes in Text, why
// or the SIP status in Reason.
const (
	successorAsked    turn.EventKind = "successor_asked" // Reason is "attended" when they were in a call already
	successorProgress turn.EventKind = "successor_progress"
	successorCame     turn.EventKind = "successor_came" // and talks with the agent now
	successorFailed   turn.EventKind = "successor_failed"
)

// succession is a transfer that the far end asked for, and that runs.
type succession struct {
	*second

	name    string
	record  bool // the recording goes on with the one who comes
	asked   *sip.Referral
	out     Outgoing
	door    storage.Door
	machine *transfer.Succession
	events  chan transfer.Event
	timer   *time.Timer
}

// referrals are the far end's wishes; nil when its door knows none.
func (c *call) referrals() <-chan *sip.Referral {
	if d, ok := c.door.(referable); ok {
		return d.Referrals()
	}

	return nil
}

// succeed begins what the far end asked for, unless it may not be or the agent
// is busy with another such thing.
func (c *call) succeed(r *sip.Referral) {
	how, ok := c.m.cfg.Routes.Refer(r.Trunk, r.User)
	begun := c.out == nil || c.first.begun.Load()
	if !ok || !begun || c.hand != nil || c.next != nil || c.ending != "" {
		c.log.Warn("the caller's transfer was declined", slog.String("target", how.Name))
		r.Report(statusDeclined, "")

		return
	}
	n := &succession{
		second: newSecond(), name: how.Name, record: how.Record, asked: r, door: storage.Door(how.Door),
		machine: transfer.NewSuccession(how.Ring), events: make(chan transfer.Event, eventsWaiting),
	}
	n.out = Outgoing{
		Call: c.rec.ID, Trunk: how.Trunk, To: privacy.Number(how.To), From: privacy.Number(how.From), Ring: how.Ring, Cap: c.limits.Cap,
		Replaces: r.Replaces, ReferredBy: r.ReferredBy,
	}
	way := ""
	if r.Replaces != "" {
		way = "attended"
	}
	if r.Own && how.Route == "" {
		n.out.Target = r.Target
	}
	if n.out.From == "" {
		n.out.From = c.ours()
	}
	c.next = n
	c.notes.callee(time.Now(), turn.Event{Kind: successorAsked, Text: n.name, Reason: way})
	c.log.Info("the caller asked for a transfer", slog.String("target", n.name), slog.Bool("attended", r.Replaces != ""))
	c.tellHold()
	c.succeeds(transfer.Event{Kind: transfer.Started})
}

// statusDeclined is RFC 3261 section 21.6.2.
const statusDeclined = 603

// ours is our number in this call; empty when we are known by no number.
func (c *call) ours() privacy.Number {
	n := c.rec.To
	if c.out != nil {
		n = c.rec.From
	}
	if !strings.HasPrefix(string(n), "+") {
		return ""
	}

	return n
}

// tell hands the call an event, from any goroutine.
func (n *succession) tell(e transfer.Event) {
	select {
	case n.events <- e:
	default: // the carrier repeats itself
	}
}

// succeeds steps the succession and does what it says. It returns the reason
// of an end that is due.
func (c *call) succeeds(e transfer.Event) (end Reason) {
	n := c.next
	for _, a := range n.machine.Step(e) {
		switch a.Kind {
		case transfer.Dial:
			if by := c.m.outlet(n.door); by != nil {
				c.callSecond(n.second, by, n.out, n.tell)
			} else {
				n.tell(transfer.Event{Kind: transfer.NotPut, Why: fmt.Sprintf("no call can be placed by the door %q", n.door)})
			}
		case transfer.SetTimer:
			n.timer = time.AfterFunc(a.After, func() { n.tell(transfer.Event{Kind: transfer.TimedOut}) })
		case transfer.Tell:
			c.notes.callee(time.Now(), turn.Event{Kind: successorProgress, Text: n.name, Reason: strconv.Itoa(a.Status)})
			n.asked.Report(a.Status, "")
		case transfer.Drop:
			c.dropSecond(n.second, nil)
		case transfer.Replace:
			c.replace(<-n.answered)
		case transfer.Return, transfer.Close:
			end = c.notSucceeded(a)
		default:
		}
	}

	return end
}

// replace lets the one who was called take the caller's place.
func (c *call) replace(p placed) {
	n, before := c.next, c.door
	n.timer.Stop()
	c.next = nil
	c.remove()
	c.carried = together(c.carried, c.leg.Stats())
	c.door, c.leg = p, p.Leg()
	c.notes.callee(time.Now(), turn.Event{Kind: successorCame, Text: n.name})
	c.log.Info("the caller's place was taken", slog.String("target", n.name))
	c.welcome(n.record)
	c.work.Go(func() { c.part(before) })
}

// replaced notes that the carrier has put somebody else in the caller's place.
func (c *call) replaced(who sip.Info) {
	c.notes.callee(time.Now(), turn.Event{Kind: successorCame, Reason: who.From.User})
	c.log.Info("the caller's place was taken by the carrier's doing", slog.Any("who", privacy.Number(who.From.User)))
	if c.hand == nil {
		c.remove()
		c.welcome(false)
	}
}

// welcome has the agent go on with, and greet, who has taken the caller's
// place. They have heard of no recording.
func (c *call) welcome(record bool) {
	if t := c.owed.tap; t != nil && !record && !t.stopped.Swap(true) && c.recorder.Load() != nil {
		c.carrier.follow()
		c.notes.recording("stopped: somebody else took the caller's place (record)")
	}
	c.echo = echo.New()
	c.connect()
	c.tellHold()
	c.conv.Announce(turn.Greeting)
}

// part lets who asked for the succession hang up, as they do once they know of
// it, or hangs up.
func (c *call) part(d door) {
	wait := time.NewTimer(c.limits.Hangup)
	defer wait.Stop()
	select {
	case <-d.Done():
	case <-wait.C:
		c.drop(d, Transferred)
	}
}

// notSucceeded has the agent go on with the caller, or ends the call where that
// one has hung up.
func (c *call) notSucceeded(a transfer.Action) Reason {
	n := c.next
	n.timer.Stop()
	c.dropSecond(n.second, nil)
	c.next = nil
	c.notes.callee(time.Now(), turn.Event{Kind: successorFailed, Text: n.name, Reason: a.Why})
	c.log.Warn("the caller's transfer failed", slog.String("target", n.name), slog.String("why", a.Why))
	if a.Kind == transfer.Close {
		return c.door.Cause()
	}
	c.tellHold()
	c.conv.Announce(turn.NotReached)

	return ""
}

// ended is closed when the far end has left and nobody is to take its place.
func (c *call) ended() <-chan struct{} {
	if c.next != nil && c.next.machine.State() == transfer.Alone {
		return nil
	}

	return c.door.Done()
}

// outlived says whether the call goes on though the far end has left: somebody
// is to take its place.
func (c *call) outlived() bool {
	if c.next == nil || c.door.Cause() != CallerHangup || c.ending != "" {
		return false
	}
	c.succeeds(transfer.Event{Kind: transfer.CallerBye})

	return true
}

// tellHold tells the conversation whether anybody listens.
func (c *call) tellHold() { c.conv.Hold(c.next != nil || c.door.OnHold()) }

// nextEvents are those of the succession that runs; nil when none does.
func (c *call) nextEvents() <-chan transfer.Event {
	if c.next == nil {
		return nil
	}

	return c.next.events
}

// stopSuccession ends one with its call.
func (c *call) stopSuccession() {
	if n := c.next; n != nil {
		n.timer.Stop()
		c.succeeds(transfer.Event{Kind: transfer.Ended})
		n.cancel()
	}
}

// replacements receives who takes the far end's place by the carrier's doing.
func (c *call) replacements() <-chan sip.Info {
	if d, ok := c.door.(referable); ok {
		return d.Replaced()
	}

	return nil
}

// successions tells who took the caller's place, for an operator.
func successions(events []storage.Event) []string {
	var lines []string
	for _, e := range events {
		d, ok := stepData(e)
		if !ok {
			continue
		}
		name := strconv.Quote(d.Event.Text)
		if d.Event.Text == "" {
			name = privacy.Number(d.Event.Reason).String()
		}
		switch turn.EventKind(e.Kind) {
		case successorAsked:
			lines = append(lines, fmt.Sprintf("The caller's end asked %s into the call that %s talk with the agent in its place (REFER).", seconds(e.At), name))
		case successorCame:
			lines = append(lines, fmt.Sprintf("%s into the call %s took the caller's place.", seconds(e.At), name))
		case successorFailed:
			lines = append(lines, fmt.Sprintf("%s could not be reached: %s. The caller came back to the agent.", name, d.Event.Reason))
		default:
		}
	}

	return lines
}
