package breaker

import (
	"sync"
	"time"
)

// State is whether attempts go through.
type State string

// The states.
const (
	Closed   State = "closed"    // all do
	Open     State = "open"      // none does
	HalfOpen State = "half_open" // one at a time does, as a trial
)

// Config tunes a Breaker. The zero value of a field takes the default that its
// comment gives.
type Config struct {
	Failures int           // that open it: 3
	Window   time.Duration // in which these failures lie: 30 s
	CoolDown time.Duration // for which it opens first; it doubles with each failed trial: 5 s
	Longest  time.Duration // that a cool-down lasts: 2 min
}

func (c Config) withDefaults() Config {
	if c.Failures <= 0 {
		c.Failures = 3
	}
	if c.Window <= 0 {
		c.Window = 30 * time.Second
	}
	if c.CoolDown <= 0 {
		c.CoolDown = 5 * time.Second
	}
	if c.Longest <= 0 {
		c.Longest = 2 * time.Minute
	}
	c.Longest = max(c.Longest, c.CoolDown)

	return c
}

// Breaker is safe for concurrent use.
type Breaker struct {
	cfg Config

	mu       sync.Mutex
	failures []time.Time // within the window, oldest first; only while closed
	until    time.Time   // end of the cool-down; zero: closed
	coolDown time.Duration
	trial    bool // one is under way
	round    int  // grows with each change of state: outcomes of earlier rounds count no more
}

// New makes a closed Breaker.
func New(c Config) *Breaker {
	return &Breaker{cfg: c.withDefaults()}
}

// Attempt is leave to use the provider once. One of Succeed, Fail and Abandon
// gives it back; further calls do nothing.
type Attempt struct {
	b     *Breaker
	round int
	trial bool
}

// Try asks for leave to use the provider.
func (b *Breaker) Try(now time.Time) (*Attempt, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.state(now) {
	case Open:
		return nil, false
	case HalfOpen:
		if b.trial {
			return nil, false
		}
		b.trial = true

		return &Attempt{b: b, round: b.round, trial: true}, true
	default:
		return &Attempt{b: b, round: b.round}, true
	}
}

// State is the state at that time.
func (b *Breaker) State(now time.Time) State {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.state(now)
}

// Until is when a cool-down ends; zero when there is none.
func (b *Breaker) Until() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.until
}

func (b *Breaker) state(now time.Time) State {
	switch {
	case b.until.IsZero():
		return Closed
	case now.Before(b.until):
		return Open
	default:
		return HalfOpen
	}
}

// Succeed tells that the provider did its work.
func (a *Attempt) Succeed() {
	a.finish(func(b *Breaker) {
		if a.trial {
			b.until, b.coolDown = time.Time{}, 0
			b.round++
		}
	})
}

// Fail tells that the provider failed. A wait above zero is what the provider
// asked for: it opens the breaker at once, for that long at least.
func (a *Attempt) Fail(now time.Time, wait time.Duration) {
	a.finish(func(b *Breaker) {
		switch {
		case a.trial:
			b.open(now, max(wait, min(2*b.coolDown, b.cfg.Longest)))
		case wait > 0:
			b.open(now, max(wait, b.cfg.CoolDown))
		default:
			b.fail(now)
		}
	})
}

// Abandon tells that the attempt was given up for reasons of our own, such as
// an interruption by the caller. It counts neither way.
func (a *Attempt) Abandon() { a.finish(func(*Breaker) {}) }

// finish gives the attempt back. What came of one from before the last change
// of state counts no more.
func (a *Attempt) finish(tell func(*Breaker)) {
	b := a.b
	if b == nil {
		return
	}
	a.b = nil
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.round != b.round {
		return
	}
	if a.trial {
		b.trial = false
	}
	tell(b)
}

func (b *Breaker) fail(now time.Time) {
	b.failures = append(b.failures, now)
	for now.Sub(b.failures[0]) > b.cfg.Window {
		b.failures = b.failures[1:]
	}
	if len(b.failures) >= b.cfg.Failures {
		b.open(now, b.cfg.CoolDown)
	}
}

func (b *Breaker) open(now time.Time, d time.Duration) {
	b.coolDown = min(d, b.cfg.Longest)
	b.until = now.Add(d)
	b.failures, b.trial = nil, false
	b.round++
}
