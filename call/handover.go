package call

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"trunkline/call/transfer"
	"trunkline/compliance/opening"
	"trunkline/media"
	"trunkline/media/bridge"
	"trunkline/media/g711"
	"trunkline/media/line"
	"trunkline/media/player"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
	"trunkline/privacy"
	"trunkline/route"
	"trunkline/storage"
)

// Target is whom an agent may put a caller through to.
type Target struct {
	transfer.Config

	To    string // a number, or a SIP URI for a transfer by REFER
	Route string // by which the person is called; empty: the one that takes the number
	// Briefing is what the person is told of the caller; {caller}, {called},
	// {agent} and {said}, the caller's last words, and the order's vars stand
	// for values. It is spoken before the caller is joined when Config.Brief is
	// set, and else sent as BriefingHeader.
	Briefing string
	Record   bool // the recording goes on while they talk
	Hold     bool // the caller is on hold until then, at doors that can
}

// A parker is a door that can put its far end on hold, which is sent audio but
// sends none.
type parker interface {
	Hold(ctx context.Context, on bool) error
}

// A coder is a door whose far end may send one codec or another.
type coder interface {
	// Codec is the one that was agreed on last; false when none is yet.
	Codec() (g711.Codec, bool)
	// Recodes says whether the far end may be asked for another one in the middle
	// of the call, and Recode asks for it.
	Recodes() bool
	Recode(ctx context.Context, codec g711.Codec) error
}

// A referrer is a door whose carrier can call somebody instead of us.
type referrer interface {
	// Transfer asks for that and returns when it is done. The call is over then
	// but for the hang-up. A caller who comes back over other audio than before
	// is a *returnedError; after any other error all is as it was.
	Transfer(ctx context.Context, r referral) error
}

// referral is whom a carrier is to call.
type referral struct {
	Target

	words    string        // of the briefing
	language string        // of the words, BCP 47
	limit    time.Duration // left to the call
	joined   func()        // told when caller and person talk, if that is known before the end
	// progress is told the statuses of the carrier's own call, as SIP numbers
	// them, where it tells them.
	progress func(status int)
}

// returnedError says why a caller who was sent to a person has come back.
type returnedError struct {
	leg media.Leg // the caller's audio from now on
	err error
}

func (e *returnedError) Error() string { return e.err.Error() }

func (e *returnedError) Unwrap() error { return e.err }

// A resumer is a Conversation that can go on when a hand-off fails.
type resumer interface{ Resume(l turn.Line) }

// The kinds of recorded events that tell of a transfer: the target's name in
// Text, its number or why in Reason.
const (
	transferBegan    turn.EventKind = "transfer_began"
	transferProgress turn.EventKind = "transfer_progress" // of the carrier's call to the target; Reason is its SIP status
	transferAnswered turn.EventKind = "transfer_answered" // the person did
	transferJoined   turn.EventKind = "transfer_joined"
	transferFailed   turn.EventKind = "transfer_failed"
	transferDone     turn.EventKind = "transfer_done" // by the carrier, or the person hung up
)

// eventsWaiting bounds what a transfer has not looked at yet: more than both
// telephones and all timers can tell at once.
const eventsWaiting = 16

// ringbackID is the utterance of the ringback that a caller hears. The
// conversation counts its own from 1.
const ringbackID = -1

// handover is a transfer that runs.
type handover struct {
	name    string
	target  Target
	reason  Reason // of the end, if the agent cannot go on
	machine *transfer.Machine
	events  chan transfer.Event
	timer   *time.Timer
	*second        // the person's call; its context is the REFER's too
	person  placed // nil until it is answered
	remove  func() // takes the person's line off the clock
	told    *player.Player
	audio   chan []int16   // the briefing's audio, once
	back    chan media.Leg // a caller's who has come back over other audio
	held    chan struct{}  // closed when the last order to hold, or not to, is done; nil: none was given
}

// handsOver begins the transfer that a conversation ended with. It is false
// when the target is none that can be reached.
func (c *call) handsOver(out pipeline.Outcome) bool {
	name := out.Args["target"]
	target, known := c.agent.Transfers[name]
	r := Reason(out.Reason)
	if !known || target.To == "" || c.ending != "" || r != AgentHandOff && r != ProviderHandOff {
		return false
	}
	h := &handover{
		name: name, target: target, reason: r, machine: transfer.New(target.Config), events: make(chan transfer.Event, eventsWaiting),
		timer: stoppedTimer(), second: newSecond(), audio: make(chan []int16, 1), back: make(chan media.Leg, 1),
	}
	c.hand = h
	c.notes.callee(time.Now(), turn.Event{Kind: transferBegan, Text: name, Reason: target.To})
	c.log.Info("transfer began", slog.String("target", name), slog.String("how", string(target.How)))
	c.hands(transfer.Event{Kind: transfer.Started})

	return true
}

// tell hands the call an event of the transfer, from any goroutine.
func (h *handover) tell(e transfer.Event) {
	select {
	case h.events <- e:
	default: // a transfer tells less
	}
}

// hands steps the transfer and does what it says. It returns the reason of an
// end that is due.
func (c *call) hands(e transfer.Event) (end Reason) {
	h := c.hand
	switch e.Kind {
	case transfer.Answered:
		h.person = <-h.answered
		c.notes.callee(time.Now(), turn.Event{Kind: transferAnswered, Text: h.name})
		c.hearPerson()
	case transfer.Reached:
		c.notes.callee(time.Now(), turn.Event{Kind: transferJoined, Text: h.name, Reason: h.target.To})
		c.log.Info("transfer joined", slog.String("target", h.name))
	case transfer.PersonBye:
		c.leavePerson()
	default:
	}
	for _, a := range h.machine.Step(e) {
		switch a.Kind {
		case transfer.Ask:
			c.ask()
		case transfer.Dial:
			c.dialPerson()
		case transfer.Brief:
			c.brief()
		case transfer.SetTimer:
			h.timer.Reset(a.After)
		case transfer.Join:
			c.join()
		case transfer.Drop:
			c.dropPerson()
		case transfer.Return:
			end = c.comesBack(a.Why)
		case transfer.Finish:
			c.notes.callee(time.Now(), turn.Event{Kind: transferDone, Text: h.name})
			end = Transferred
		}
	}

	return end
}

// ask has the carrier call the target.
func (c *call) ask() {
	h := c.hand
	door, ok := c.door.(referrer)
	if !ok {
		h.tell(transfer.Event{Kind: transfer.Refused, Why: "the door knows no REFER"})

		return
	}
	r := referral{
		Target: h.target, words: c.briefing(), language: c.agent.Conversation.Language, limit: c.limits.Cap - time.Since(c.rec.AnsweredAt),
		joined: func() { h.tell(transfer.Event{Kind: transfer.Reached}) },
		progress: func(status int) {
			c.notes.callee(time.Now(), turn.Event{Kind: transferProgress, Text: h.name, Reason: strconv.Itoa(status)})
		},
	}
	c.work.Go(func() {
		err := door.Transfer(h.ctx, r)
		var back *returnedError
		switch {
		case err == nil:
			h.tell(transfer.Event{Kind: transfer.Took})
		case errors.As(err, &back):
			h.back <- back.leg
			h.tell(transfer.Event{Kind: transfer.NotPut, Why: err.Error()})
		default:
			h.tell(transfer.Event{Kind: transfer.Refused, Why: err.Error()})
		}
	})
}

// asked is the reason of a call whose door ended while the carrier was asked
// to transfer it: carriers hang up as soon as they have, so that their word
// about it and the hang-up come at once.
func (c *call) asked() Reason {
	h := c.hand
	if h == nil || h.machine.State() != transfer.Asking {
		return ""
	}
	select {
	case e := <-h.events:
		if e.Kind == transfer.Took {
			return c.hands(e)
		}
	case <-time.After(c.limits.Hangup):
	}

	return ""
}

// dialPerson calls the target, and has the caller hear it ring.
func (c *call) dialPerson() {
	h := c.hand
	c.holdCaller(true)
	ringing := c.player.Interject(ringbackID, "")
	ringing.Share(ringback(), nil)
	c.player.Seal(ringbackID)
	out, err := c.m.cfg.Routes.Out(route.Request{To: h.target.To, Route: h.target.Route, Agent: c.agent.Name})
	if err != nil {
		h.tell(transfer.Event{Kind: transfer.NotPut, Why: err.Error()})

		return
	}
	outlet := c.m.outlet(storage.Door(out.Door))
	if outlet == nil {
		h.tell(transfer.Event{Kind: transfer.NotPut, Why: fmt.Sprintf("no call can be placed by the door %q", out.Door)})

		return
	}
	o := Outgoing{
		Call: c.rec.ID, Trunk: out.Trunk, To: privacy.Number(out.To), From: privacy.Number(out.From), Ring: h.target.Ring, Cap: c.limits.Cap,
	}
	if d, ok := c.door.(coder); ok {
		if codec, known := d.Codec(); known {
			o.Codec = &codec
		}
	}
	words := c.briefing()
	if h.target.Brief {
		c.work.Go(func() { h.audio <- c.speak(h.ctx, words) })
	} else {
		o.Briefing = words
	}
	c.callSecond(h.second, outlet, o, h.tell)
}

// holdCaller puts the caller on hold, where the target wants that, or takes
// them off.
func (c *call) holdCaller(on bool) {
	h := c.hand
	d, ok := c.door.(parker)
	if !ok || !h.target.Hold || !on && h.held == nil {
		return
	}
	before, done := h.held, make(chan struct{})
	h.held = done
	c.work.Go(func() {
		defer close(done)
		if before != nil {
			<-before
		}
		ctx, cancel := context.WithTimeout(context.Background(), c.limits.Hangup)
		defer cancel()
		if err := d.Hold(ctx, on); err != nil {
			c.log.Warn("the caller's end does not follow the hold", slog.Bool("on", on), slog.Any("error", err))
		}
	})
}

// hearPerson puts the person's line on the clock: keys and the hang-up count
// from here.
func (c *call) hearPerson() {
	h := c.hand
	h.told = player.New(player.Options{Notify: func(e player.Event) {
		if e.Kind == player.Finished {
			h.tell(transfer.Event{Kind: transfer.Briefed})
		}
	}})
	parts := line.Config{Leg: h.person.Leg(), Player: h.told, VAD: unheard{}, Ear: person{h}}
	if d, ok := h.person.(keyDoor); ok {
		parts.Keys, parts.Told = d.KeyMode(), d.Keys()
	}
	h.remove = c.m.tick(line.New(parts))
	c.work.Go(func() {
		<-h.person.Done()
		h.tell(transfer.Event{Kind: transfer.PersonBye})
	})
}

// person is the ear on the person's line before the caller is joined: only
// keys matter.
type person struct{ *handover }

func (person) Hear(*media.Frame, media.Inbound, bool) {}

func (p person) Key(d media.Digit) { p.tell(transfer.Event{Kind: transfer.Pressed, Key: d.Key}) }

// unheard is the VAD of a line on which nobody listens for speech.
type unheard struct{}

func (unheard) Voiced(*media.Frame) bool { return false }

// join lets caller and person talk. The agent leaves.
func (c *call) join() {
	h := c.hand
	h.timer.Stop()
	c.holdCaller(false)
	c.alignCodecs()
	c.player.Clear()
	h.remove()
	c.remove()
	c.far.Store(nil)
	tap := c.bridgeTap()
	c.remove = c.m.cfg.Clock.Add(bridge.New(c.leg, h.person.Leg(), tap))
	h.remove = func() {}
	c.notes.callee(time.Now(), turn.Event{Kind: transferJoined, Text: h.name, Reason: h.target.To})
	c.log.Info("transfer joined", slog.String("target", h.name))
	c.work.Go(c.conv.Stop)
}

// alignCodecs has caller and person use one codec, where one of their trunks
// lets its far ends be asked for that, so that nothing is encoded twice. Where
// they refuse, the bridge goes on encoding twice.
func (c *call) alignCodecs() {
	callers, ok := c.door.(coder)
	persons, both := c.hand.person.(coder)
	if !ok || !both {
		return
	}
	from, known := callers.Codec()
	to, also := persons.Codec()
	asked, codec := persons, from
	if !persons.Recodes() {
		asked, codec = callers, to
	}
	if !known || !also || from == to || !asked.Recodes() {
		return
	}
	c.work.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), c.limits.Hangup)
		defer cancel()
		if err := asked.Recode(ctx, codec); err != nil {
			c.log.Info("the far end keeps its codec", slog.String("wanted", codec.String()), slog.Any("error", err))
		}
	})
}

// bridgeTap records what caller and person say, where the target wants that and
// the caller has not objected to being recorded; nil: nothing does.
func (c *call) bridgeTap() bridge.Tap {
	switch {
	case c.owed.tap == nil || c.notes.keep.off.Load():
		return nil
	case !c.hand.target.Record:
		c.owed.tap.stopped.Store(true)
		if c.recorder.Load() != nil {
			c.carrier.follow()
			c.notes.recording("stopped: the caller was put through (record)")
		}

		return nil
	default:
		return c.owed.tap
	}
}

// joined says whether the caller talks to a person, so that no agent can say
// goodbye.
func (c *call) joined() bool {
	if c.hand == nil {
		return false
	}
	s := c.hand.machine.State()

	return s == transfer.Joined || s == transfer.Passed
}

// leavePerson stops what goes on with a person who has hung up.
func (c *call) leavePerson() {
	if h := c.hand; h.remove != nil {
		h.remove()
	}
}

// dropPerson hangs up on the person, or gives up calling them.
func (c *call) dropPerson() {
	h := c.hand
	c.leavePerson()
	c.dropSecond(h.second, h.person)
}

// comesBack has the agent go on with the caller, or ends the call where it
// cannot.
func (c *call) comesBack(why string) Reason {
	h := c.hand
	h.timer.Stop()
	c.dropPerson()
	c.holdCaller(false)
	select {
	case leg := <-h.back:
		c.listenTo(leg)
	default:
	}
	c.hand = nil
	c.notes.callee(time.Now(), turn.Event{Kind: transferFailed, Text: h.name, Reason: why})
	c.log.Warn("transfer failed", slog.String("target", h.name), slog.String("why", why))
	conv, ok := c.conv.(resumer)
	if !ok || h.reason == ProviderHandOff {
		return TransferFailed
	}
	c.player.Clear()
	c.owed.require(opening.Reminder)
	conv.Resume(turn.NotReached)

	return ""
}

// stopHandover ends a transfer with its call.
func (c *call) stopHandover() {
	if h := c.hand; h != nil {
		h.timer.Stop()
		c.hands(transfer.Event{Kind: transfer.CallerBye})
		h.cancel()
	}
}

// handEvents are those of the transfer that runs, and handTimer its timer; nil
// when none does.
func (c *call) handEvents() <-chan transfer.Event {
	if c.hand == nil {
		return nil
	}

	return c.hand.events
}

func (c *call) handTimer() <-chan time.Time {
	if c.hand == nil {
		return nil
	}

	return c.hand.timer.C
}
