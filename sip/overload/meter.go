package overload

import (
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	every = 500 * time.Millisecond // between two looks, at least
	// smooth is the share of a look in the load: a garbage collection or a
	// burst of set-ups is no overload, two seconds of it are.
	smooth = 0.3
)

// A Meter measures the share of the processors that the process uses. Its
// methods may be called from any goroutine.
type Meter struct {
	limit float64
	used  func() time.Duration // processor time of the process so far
	cores float64

	mu   sync.Mutex
	at   time.Time
	then time.Duration
	load float64
}

// New makes a Meter that calls the process busy when it uses more than a
// share of the processors, from 0 to 1.
func New(limit float64) *Meter {
	return &Meter{limit: limit, used: processorTime, cores: float64(runtime.GOMAXPROCS(0))}
}

// processorTime is what the kernel has counted for the process.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0 // the kernel knows this call
	}

	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// Busy reports whether the load is beyond the limit.
func (m *Meter) Busy() bool { return m.Load() > m.limit }

// Load is the smoothed share of the processors, from 0 to 1.
func (m *Meter) Load() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()

	now := time.Now()

	passed := now.Sub(m.at)
	if passed < every {
		return m.load
	}

	used := m.used()
	if !m.at.IsZero() {
		share := float64(used-m.then) / float64(passed) / m.cores

		// What was long ago counts as several looks of the same.
		weight := min(1, smooth*float64(passed/every))
		m.load += weight * (share - m.load)
	}

	m.at, m.then = now, used

	return m.load
}
