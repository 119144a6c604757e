package call

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"trunkline/media/clock"
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

// Config sets up a Manager. All but Watch and Recordings are needed.
type Config struct {
	Agents  map[string]*Agent // by trunk name
	Limits  Limits
	Clock   *clock.Clock
	Journal Journal
	Metrics *Metrics
	Log     *slog.Logger

	Recordings string // directory of the two-channel WAVs; empty: no recording
	Watch      Watcher
}

// Manager owns the running calls.
type Manager struct {
	cfg Config
	ctx context.Context // ends, with its cause, when calls are to end

	mu       sync.Mutex
	stop     context.CancelCauseFunc
	stopping bool
	active   int
	calls    sync.WaitGroup
}

// errShutdown is the cause with which Stop ends calls.
var errShutdown = errors.New("the gateway stops")

// NewManager makes a Manager that takes calls at once.
func NewManager(c Config) (*Manager, error) {
	c.Limits.setDefaults()
	if len(c.Agents) == 0 {
		return nil, errors.New("call: no agent answers any trunk")
	}
	m := &Manager{cfg: c}
	m.ctx, m.stop = context.WithCancelCause(context.Background())

	return m, nil
}

// Incoming implements sip.Handler. It returns when the call is over.
func (m *Manager) Incoming(d *sip.Dialog) {
	dd := sipDoor{d}
	m.take(dd, dd.record())
}

// take lives the life of one call.
func (m *Manager) take(d door, rec storage.Call) {
	if !m.enter() {
		m.refuse(d, rec)

		return
	}
	defer m.leave()
	agent, ok := m.cfg.Agents[rec.Trunk]
	if !ok {
		m.cfg.Log.Error("no agent answers this trunk", slog.String("trunk", rec.Trunk))
		_ = d.Refuse(NotPrepared) // the call is over either way

		return
	}
	newCall(m, agent, d, rec).live(m.ctx)
}

// refuse turns away a call that there is no room for, and records that.
func (m *Manager) refuse(d door, rec storage.Call) {
	reason := LineBusy
	if m.ctx.Err() != nil {
		reason = Shutdown
	}
	if err := d.Refuse(reason); err != nil {
		m.cfg.Log.Debug("refusing a call", slog.Any("error", err))
	}
	newCall(m, &Agent{}, d, rec).refused(reason)
}

func (m *Manager) enter() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopping || m.active >= m.cfg.Limits.MaxCalls {
		return false
	}
	m.active++
	m.calls.Add(1)

	return true
}

func (m *Manager) leave() {
	m.mu.Lock()
	m.active--
	m.mu.Unlock()
	m.calls.Done()
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
	m.stopping = true
	m.mu.Unlock()
	m.stop(errShutdown)
	done := make(chan struct{})
	go func() {
		m.calls.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d calls did not end: %w", m.Active(), context.Cause(ctx))
	}
}
