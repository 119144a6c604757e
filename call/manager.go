package call

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"trunkline/media/amd"
	"trunkline/media/clock"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
	"trunkline/route"
	"trunkline/sip"
	"trunkline/storage"
)

// A Journal takes the records of calls. Its methods never wait.
type Journal interface {
	Begin(c storage.Call)
	Update(c storage.Call)
	Turn(t storage.Turn)
	Event(e storage.Event)
}

// A Trace follows one call for whoever looks at it from elsewhere. Its methods
// must not wait; the call's goroutines use them at the same time.
type Trace interface {
	// Step tells an event of the turn machine and what followed from it.
	Step(at time.Time, e turn.Event, actions []turn.Action)
	// Turn tells a turn that is over.
	Turn(t *pipeline.Turn)
	// Called tells a call of a tool before it is made, and gives the trace
	// context that its requests carry (W3C traceparent).
	Called(t pipeline.ToolCall) string
	// End tells the final record.
	End(rec storage.Call)
}

// Config sets up a Manager. All but Gate, Ring, Detect, OnMachine, KeepFax,
// Recordings, Trace, Watch, Keep, Attempted and Refuse are needed.
type Config struct {
	Agents  map[string]*Agent // by name
	Routes  *route.Table      // who of them answers a call, and which way calls leave
	Gate    Gate              // decides about calls that leave; nil: none does
	Limits  Limits
	Clock   *clock.Clock
	Journal Journal
	Metrics *Metrics
	Log     *slog.Logger

	Detect    amd.Params    // how it is found out who answers a call of ours
	Ring      time.Duration // how long a call of ours rings, unless the Order says; 0: 30 s
	OnMachine OnMachine     // what is done with a machine, unless the Order says; empty: HangUp

	KeepFax    bool       // a caller that turns out to be a fax machine may stay
	Recordings Recordings // nil: no recording
	Cards      CardPolicy // empty: SilenceCards
	// RecordWhenAsked begins recordings with SetRecording alone, not with the
	// answer.
	RecordWhenAsked bool
	// RecordEarly begins the recordings of calls that we place with what the
	// carrier sends before the answer.
	RecordEarly bool
	Trace       func(storage.Call) Trace // follows a call from its offer on; nil: nobody does
	Watch       Watcher
	Played      bool // the callers are played by who watches: nothing is hidden from it but after an objection
	// Duties says what calls must say; nil: nothing. Prove stores the proof that
	// it was heard; nil: it stands in the call's events alone.
	Duties Duties
	Prove  func(ctx context.Context, p Proof) error
	// Revoke stores a person's wish not to be called; when it returns without
	// an error nothing is dialed against it any more. nil: calls do not listen
	// for such wishes.
	Revoke func(ctx context.Context, w Wish) error
	// OptOutKey is the key that is such a wish in calls that we placed; empty:
	// none is.
	OptOutKey string
	// Attempted reports whether a call with this id was admitted before, by
	// whatever process. It is asked about orders that name their id; nil: none was.
	Attempted func(ctx context.Context, call uuid.UUID) (bool, error)
	// Keep waits until the records so far would outlive the process; nil: callers
	// are answered without.
	Keep   func(ctx context.Context) error
	Refuse func() bool // whether inbound calls are refused now, for want of records; nil: never
}

// Manager owns the running calls.
type Manager struct {
	cfg  Config
	ctx  context.Context // ends when calls are to end
	stop context.CancelFunc

	mu      sync.Mutex
	outlets map[storage.Door]outlet
	active  int
	calls   map[uuid.UUID]*call // that run
	quiet   chan struct{}       // closed when the Manager stops and no call runs
	// drained is closed when no call runs; nil while new ones are taken.
	drained chan struct{}
}

// NewManager makes a Manager that takes calls at once.
func NewManager(c Config) (*Manager, error) {
	if len(c.Agents) == 0 {
		return nil, errors.New("call: there is no agent")
	}
	if c.Routes == nil {
		return nil, errors.New("call: there are no routes")
	}
	if err := c.Limits.validate(); err != nil {
		return nil, err
	}
	if err := c.Detect.Validate(); err != nil {
		return nil, fmt.Errorf("call: who answers: %w", err)
	}
	c.Limits = c.Limits.withDefaults()
	m := &Manager{cfg: c, quiet: make(chan struct{}), calls: map[uuid.UUID]*call{}, outlets: map[storage.Door]outlet{}}
	m.ctx, m.stop = context.WithCancel(context.Background())

	return m, nil
}

// Incoming implements sip.Handler. It returns when the call is over.
func (m *Manager) Incoming(d *sip.Dialog) {
	dd := sipDoor{d}
	m.take(dd, dd.record())
}

// Rings implements sip.Ringer: an agent answers the number, and there is a place
// for the call.
func (m *Manager) Rings(i *sip.Info) bool {
	in, known := m.cfg.Routes.In(i.Trunk, i.To.User)
	if !known || m.cfg.Agents[in.Agent] == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()

	return m.full(storage.Inbound) == ""
}

// take lives the life of one call.
func (m *Manager) take(d offer, rec storage.Call) {
	rec.State = storage.Ringing
	in, known := m.cfg.Routes.In(rec.Trunk, string(rec.To))
	agent := m.cfg.Agents[in.Agent]
	if !known || agent == nil {
		m.cfg.Log.Error("no agent answers this call", slog.String("trunk", rec.Trunk), slog.Any("to", rec.To), slog.String("agent", in.Agent))
		newCall(m, &Agent{}, rec).turnAway(d, NotPrepared)

		return
	}
	c := newCall(m, agent, rec)
	if no := m.enter(c); no != "" {
		c.turnAway(d, no)

		return
	}
	defer m.leave(c)
	c.offered(d)
	c.live()
}

// outlet is the door by which calls leave; nil when there is none.
func (m *Manager) outlet(d storage.Door) outlet {
	m.mu.Lock()
	defer m.mu.Unlock()

	return m.outlets[d]
}

func (m *Manager) setOutlet(d storage.Door, o outlet) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.outlets[d] = o
}

// enter takes a place for a call, or says why there is none.
func (m *Manager) enter(c *call) (no Reason) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.calls[c.rec.ID] != nil {
		return placedBefore
	}
	if no = m.full(c.rec.Direction); no != "" {
		return no
	}
	m.active++
	m.calls[c.rec.ID] = c

	return ""
}

// full says why there is no place for a call; m.mu is held.
func (m *Manager) full(d storage.Direction) (no Reason) {
	switch {
	case m.ctx.Err() != nil || m.drained != nil:
		return Shutdown
	case m.active >= m.cfg.Limits.MaxCalls:
		return LineBusy
	case d == storage.Inbound && m.cfg.Refuse != nil && m.cfg.Refuse():
		return NoRecords
	}

	return ""
}

func (m *Manager) leave(c *call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.calls, c.rec.ID)
	m.active--
	if m.active == 0 && m.drained != nil {
		close(m.drained) // no call enters any more
	}
	if m.active == 0 && m.ctx.Err() != nil {
		close(m.quiet)
	}
}

// Drain takes no new call, in or out, and lets the running ones go on. The
// channel is closed when none runs. It may be called again.
func (m *Manager) Drain() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.drained == nil {
		m.drained = make(chan struct{})
		if m.active == 0 {
			close(m.drained)
		}
	}

	return m.drained
}

// Active is the number of calls that run.
func (m *Manager) Active() int {
	m.mu.Lock()
	defer m.mu.Unlock()

	return m.active
}

// Stop takes no new call, has the agents say goodbye, and returns when every
// call is over, or with an error when ctx ends first. It may be called twice.
func (m *Manager) Stop(ctx context.Context) error {
	m.mu.Lock()
	if m.ctx.Err() == nil {
		m.stop()
		if m.active == 0 {
			close(m.quiet)
		}
	}
	m.mu.Unlock()
	select {
	case <-m.quiet:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d calls did not end: %w", m.Active(), context.Cause(ctx))
	}
}
