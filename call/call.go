package call

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"trunkline/compliance/opening"
	"trunkline/media"
	"trunkline/media/dtmf"
	"trunkline/media/echo"
	"trunkline/media/line"
	"trunkline/media/player"
	"trunkline/media/record"
	"trunkline/media/tone"
	"trunkline/media/vad"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// errGone says that the call has ended at its door.
var errGone = errors.New("the call has ended at its door")

// call is one call's life. The goroutine of live owns every deadline: what
// could hang runs beside it and is given up when its time is over.
type call struct {
	m      *Manager
	agent  *Agent
	offer  offer     // nil for a call that we place
	out    *outgoing // nil for a call that came in
	door   door      // nil until a call that we place is answered
	log    *slog.Logger
	limits Limits
	rec    storage.Call
	kept   chan struct{} // closed when rec would outlive a crash, or cannot
	notes  *notes
	work   sync.WaitGroup  // what runs beside live
	ctx    context.Context // ends, with a cause, when the call is to end
	cancel context.CancelCauseFunc

	conv     Conversation
	player   *player.Player
	vad      *vad.Detector
	echo     *echo.Canceller
	leg      media.Leg
	carried  media.LegStats      // by the legs before it
	far      atomic.Pointer[far] // nil while the agent talks with nobody
	recorder atomic.Pointer[record.Recorder]
	masked   atomic.Bool       // the recording is paused for a secret
	asks     chan recordingAsk // what the recording is to be
	carrier  *carrierRecording // nil: the carrier does not record the call
	remove   func()            // takes the line off the clock
	parts    line.Config       // of the line

	hand   *handover     // the transfer that runs; nil: none does
	next   *succession   // the caller's place is to be taken; nil: by nobody
	first  firstWords    // of a call that we place
	owed   owed          // what it must say
	ending Reason        // of the last line; empty: none was ordered
	force  *time.Timer   // of the time that it may take
	around time.Duration // that what must be said before and after it takes

	unkept   chan struct{}   // the person objected to being recorded
	wished   chan granted    // what to tell a person whose wish not to be called was found
	tones    chan tone.Event // heard on the line
	faxTones int             // of a calling fax so far
	warned   bool            // that no audio comes
}

// far is whom the agent talks with, for other goroutines than that of live: it
// is replaced as a whole and never changed.
type far struct {
	door door
	leg  media.Leg
	line *line.Line
}

// newCall makes a call in the state of rec. enter or turnAway comes next.
func newCall(m *Manager, a *Agent, rec storage.Call) *call {
	if rec.ID == uuid.Nil {
		rec.ID = storage.NewID()
	}
	rec.Agent = a.Name
	rec.StartedAt = time.Now()
	c := &call{
		m: m, agent: a, rec: rec, limits: m.cfg.Limits, log: m.cfg.Log.With(slog.String("call", rec.ID.String())),
		tones: make(chan tone.Event, tonesWaiting), wished: make(chan granted, 1), unkept: make(chan struct{}, 1),
		asks: make(chan recordingAsk),
	}
	c.ctx, c.cancel = context.WithCancelCause(m.ctx)
	c.notes = newNotes(&m.cfg, rec)
	c.notes.keep.language, c.notes.keep.objected = a.Conversation.Language, c.objects
	c.notes.cards, c.notes.mayHold = c.holdsCard, c.mayHold
	if m.cfg.Revoke != nil {
		c.notes.wishes = &wishes{call: c, language: a.Conversation.Language}
	}

	return c
}

// offered takes the offer of a call that comes in.
func (c *call) offered(o offer) {
	c.offer, c.door = o, o
	if s, ok := o.(signaller); ok {
		c.notes.follow(s)
	}
}

// turnAway refuses a call that there is no place for, and records it.
func (c *call) turnAway(o offer, r Reason) {
	c.offered(o)
	defer c.work.Wait()
	c.m.cfg.Journal.Begin(c.rec)
	c.leave(r)
	c.close(r)
}

// live is the whole life of a call that came in: ring, answer, talk, end.
func (c *call) live() {
	c.log.Info("call offered", slog.String("door", string(c.rec.Door)), slog.String("trunk", c.rec.Trunk),
		slog.Any("from", c.rec.From), slog.String("agent", c.rec.Agent))
	c.run(c.answer, func(err error) Reason {
		reason := c.unanswered()
		c.log.Warn("call not answered", slog.String("reason", string(reason)), slog.Any("error", err))

		return reason
	})
}

// run has the call last from its first record to the one of its end: connect
// gets it answered, and failed says why it was not. Nothing of the call is left
// when it returns.
func (c *call) run(connect func() error, failed func(error) Reason) {
	defer c.work.Wait()
	c.m.cfg.Journal.Begin(c.rec)
	c.keepRecord()
	var reason Reason
	if err := connect(); err != nil {
		reason = failed(err)
	} else {
		c.start()
		reason = c.talk()
	}
	c.stopHandover()
	c.stopSuccession()
	c.leave(reason)
	c.tearDown()
	c.close(reason)
}

// keepBound bounds the wait for a call's first record to be safe. Where neither
// database nor disk takes it, callers are answered all the same.
const keepBound = time.Second

// keepRecord sees to it that the call's first record outlives the process, beside
// the call, and closes kept then.
func (c *call) keepRecord() {
	c.kept = make(chan struct{})
	if c.m.cfg.Keep == nil {
		close(c.kept)

		return
	}
	c.work.Go(func() {
		defer close(c.kept)
		ctx, cancel := context.WithTimeout(context.Background(), keepBound)
		defer cancel()
		if err := c.m.cfg.Keep(ctx); err != nil {
			c.log.Warn("a crash would leave no record of this call yet", slog.Any("error", err))
		}
	})
}

// within runs f beside the call and returns its error. When ctx ends or gone
// is closed before, f is given up: live waits for it only after all else.
func (c *call) within(ctx context.Context, gone <-chan struct{}, f func() error) error {
	done := make(chan error, 1)
	c.work.Go(func() { done <- f() })
	select {
	case err := <-done:
		return err
	case <-gone:
		return errGone
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// equip makes the call's conversation and what it hears and speaks with.
func (c *call) equip() error {
	var err error
	if c.vad, err = vad.New(); err != nil {
		return err
	}
	c.player = player.New(player.Options{Notify: c.played})
	settings := c.agent.Conversation
	if c.out != nil && c.onMachine() == LeaveMessage {
		settings.Turn.Finish = settings.Turn.WithDefaults().Finish + c.length(turn.Message)
	}
	c.scope(&settings)
	c.owe(&settings)
	if c.around = settings.Around(c.agent.Providers.Lines, settings.Language); settings.Turn.Finish != 0 {
		settings.Turn.Finish += c.around
	}
	c.conv = c.agent.converse(settings, c.player, c.notes)

	return nil
}

// answer makes the agent ready while the phone rings, and takes the call.
func (c *call) answer() error {
	soon, cancel := context.WithTimeout(c.ctx, c.limits.Prepare)
	defer cancel()
	if err := c.within(soon, c.door.Done(), c.offer.Ring); err != nil {
		return fmt.Errorf("ring: %w", err)
	}
	if err := c.equip(); err != nil {
		return err
	}
	err := c.within(soon, c.door.Done(), func() error {
		err := c.conv.Prepare(soon)
		<-c.kept // no call is answered of which nothing would be left after a crash

		return err
	})
	if err != nil {
		return fmt.Errorf("make the agent ready: %w", err)
	}

	later, cancel := context.WithTimeout(c.ctx, c.limits.Answer)
	defer cancel()
	leg := make(chan media.Leg, 1)
	err = c.within(later, c.door.Done(), func() error {
		l, err := c.offer.Answer(later, c.rec.ID.String())
		leg <- l

		return err
	})
	if err != nil {
		return err
	}
	c.leg = <-leg

	return nil
}

// unanswered says why a call ended before its answer: the door's reason when
// that came first.
func (c *call) unanswered() Reason {
	select {
	case <-c.door.Done():
		return c.door.Cause()
	default:
	}
	switch cause := context.Cause(c.ctx); {
	case cause == nil:
		return NotPrepared
	case errors.Is(cause, errAsked), errors.Is(cause, errGoodbye):
		return OperatorHangup
	default:
		return Shutdown
	}
}

// start lets the audio flow.
func (c *call) start() {
	c.rec.AnsweredAt, c.rec.State = time.Now(), storage.InProgress
	c.echo = echo.New()
	c.echo.Stagger(rand.IntN(echo.Turns))
	parts := line.Config{Player: c.player, VAD: c.vad, Ear: c.conv, Tones: tone.Fax, OnTone: c.toneHeard}
	if c.m.cfg.Recordings != nil {
		o := &c.owed
		if o.tap == nil {
			o.tap = &tap{}
		}
		c.notes.tap.Store(o.tap)
		o.tap.open.Store(!slices.Contains(o.announced(), opening.Recording))
		parts.Tap = o.tap
		c.carrier = c.recordAtCarrier()
		if !c.m.cfg.RecordWhenAsked && c.recorder.Load() == nil {
			_ = c.startRecording() // it has told; the call goes on
		}
	}
	c.m.cfg.Journal.Update(c.rec)
	c.notes.live(Live{Kind: LiveAnswered})
	if c.out == nil {
		c.conv.Start()
	} else {
		c.open(&parts)
	}
	c.parts = parts
	c.connect()
}

// connect puts a line with the call's parts and its far end on the clock.
func (c *call) connect() {
	p := &c.parts
	p.Leg, p.Echo, p.Keys, p.Told = c.leg, c.echo, dtmf.Auto, nil
	if d, ok := c.door.(keyDoor); ok {
		p.Keys, p.Told = d.KeyMode(), d.Keys()
	}
	l := line.New(*p)
	c.far.Store(&far{c.door, c.leg, l})
	c.remove = c.m.tick(l)
}

// tick puts a line on the clock; remove takes it off, and nothing of it is used
// afterwards.
func (m *Manager) tick(l *line.Line) (remove func()) {
	off := m.cfg.Clock.Add(l)

	return func() {
		off()
		l.Stop()
	}
}

// listenTo goes on over other audio than before.
func (c *call) listenTo(leg media.Leg) {
	c.remove()
	c.carried = together(c.carried, c.leg.Stats())
	c.leg = leg
	c.connect()
}
