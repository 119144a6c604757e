package clock

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"trunkline/media"
)

const (
	period = media.FrameDuration
	phases = 10              // in each shard
	step   = period / phases // from one phase to the next
	behind = 5               // missed ticks that are caught up

	// shiftEvery is how many ticks pass from one shift to the next: at 2 ms in
	// 100 ms what a call sends stays even.
	shiftEvery = 5
)

// A Ticker is called once per 20 ms.
type Ticker interface {
	// Tick does what is due. It must not block. now is when the call was made,
	// not when it was due.
	Tick(now time.Time)
}

// A Shifter is a Ticker that may ask for its ticks at another time, for its
// caller's packets to wait less for them.
type Shifter interface {
	// Shift is asked after every fifth Tick, in the same goroutine. It says
	// whether ticks come a step later (1) or earlier (-1) from the next one on,
	// and can count on that.
	Shift(step time.Duration) int
}

// Options sets up a Clock.
type Options struct {
	Shards int // goroutines; one per core (GOMAXPROCS) when zero
}

// Clock ticks its Tickers from Start until Stop.
type Clock struct {
	shards []*shard

	mu      sync.Mutex
	state   state
	added   uint64
	stop    chan struct{}
	running sync.WaitGroup
}

type state uint8

const (
	fresh state = iota
	started
	stopped
)

// New makes a Clock that does not run yet.
func New(o Options) *Clock {
	if o.Shards <= 0 {
		o.Shards = runtime.GOMAXPROCS(0)
	}
	c := &Clock{shards: make([]*shard, o.Shards), stop: make(chan struct{})}
	for i := range c.shards {
		c.shards[i] = newShard(step * time.Duration(i) / time.Duration(o.Shards))
	}
	return c
}

// Start begins to tick. A Clock starts once.
func (c *Clock) Start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != fresh {
		return errors.New("clock: start: it has been started or stopped before")
	}
	c.state = started
	origin := time.Now()
	for _, s := range c.shards {
		c.running.Go(func() { s.run(origin, c.stop) })
	}
	return nil
}

// Stop ends all ticking and waits until no Tick runs. It may be called twice,
// and before Start, but not from within a Tick.
func (c *Clock) Stop() {
	c.mu.Lock()
	if c.state != stopped {
		c.state = stopped
		close(c.stop)
	}
	c.mu.Unlock()
	c.running.Wait()
}

// Add has t ticked, from its phase's next deadline on, until remove is called.
//
// remove waits until no Tick of t runs; none begins afterwards. Called from
// within a Tick, of t or of another Ticker, remove cannot wait without the risk
// of a deadlock and returns at once: if that Tick is t's own it is the last
// one. remove may be called twice and after Stop.
func (c *Clock) Add(t Ticker) (remove func()) {
	c.mu.Lock()
	s := c.emptiest()
	c.mu.Unlock()
	e := &entry{ticker: t, from: time.Now()}
	e.shifter, _ = t.(Shifter)
	s.add(e)
	return func() {
		e.removed.Store(true)
		s.drop(e)
		if !withinTick() {
			e.ticking.Lock()
			e.ticking.Unlock() //nolint:staticcheck // only waits for a running Tick
		}
	}
}

// emptiest picks the shard with the fewest tickers, in turn among equals.
func (c *Clock) emptiest() *shard {
	c.added++
	best := c.shards[c.added%uint64(len(c.shards))]
	for _, s := range c.shards {
		if s.size.Load() < best.size.Load() {
			best = s
		}
	}
	return best
}

// entry is one added Ticker.
type entry struct {
	ticker  Ticker
	shifter Shifter   // the same; nil when it is none
	ticks   uint      // so far
	from    time.Time // steps due before are not its
	phase   int       // in its shard; changed under the shard's lock
	removed atomic.Bool
	ticking sync.Mutex // held while its Tick runs
}

// tick calls the Ticker unless it was removed.
func (e *entry) tick(now time.Time) bool {
	e.ticking.Lock()
	defer e.ticking.Unlock()
	if e.removed.Load() {
		return false
	}
	e.ticker.Tick(now)
	return true
}

// withinTick reports whether the caller runs inside a Tick: whether entry.tick
// is on its stack.
func withinTick() bool {
	const deepest = 256
	pcs := make([]uintptr, deepest)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for {
		frame, more := frames.Next()
		if frame.Function == "trunkline/media/clock.(*entry).tick" {
			return true
		}
		if !more {
			return false
		}
	}
}
