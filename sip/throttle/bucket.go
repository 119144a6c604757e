package throttle

import (
	"net/netip"
	"sync"
	"time"
)

// A Bucket lets things happen at a rate, and a burst at once. Its methods may
// be called from any goroutine.
type Bucket struct {
	rate, burst float64 // per second; tokens

	mu sync.Mutex
	level
}

// level is how full a bucket was when it was last looked at.
type level struct {
	tokens float64
	at     time.Time
}

// New makes a full bucket. A rate of 0 or less lets everything happen. A
// burst of less than 1 is one second's worth, and at least 1.
func New(rate, burst float64) *Bucket {
	burst = size(rate, burst)

	return &Bucket{rate: rate, burst: burst, level: level{tokens: burst}}
}

func size(rate, burst float64) float64 {
	if burst < 1 {
		return max(rate, 1)
	}

	return burst
}

// Allow takes a token. It reports false when there is none.
func (b *Bucket) Allow(now time.Time) bool {
	if b.rate <= 0 {
		return true
	}

	b.mu.Lock()
	defer b.mu.Unlock()

	return b.take(b.rate, b.burst, now)
}

func (l *level) take(rate, burst float64, now time.Time) bool {
	if passed := now.Sub(l.at).Seconds(); passed > 0 {
		l.tokens, l.at = min(l.tokens+passed*rate, burst), now
	}

	if l.tokens < 1 {
		return false
	}

	l.tokens--

	return true
}

// maxSources bounds the sources that a Table knows.
const maxSources = 4096

// A Table has a bucket for each source. Its methods may be called from any
// goroutine.
type Table struct {
	rate, burst float64

	mu      sync.Mutex
	sources map[netip.Addr]*level
}

// NewTable makes a table of buckets that are full at first.
func NewTable(rate, burst float64) *Table {
	return &Table{rate: rate, burst: size(rate, burst), sources: make(map[netip.Addr]*level)}
}

// Allow takes a token of the source's bucket. It reports false when there is
// none.
func (t *Table) Allow(source netip.Addr, now time.Time) bool {
	if t.rate <= 0 {
		return true
	}

	t.mu.Lock()
	defer t.mu.Unlock()

	l, ok := t.sources[source]
	if !ok {
		if len(t.sources) >= maxSources {
			t.forget(now)
		}

		l = &level{tokens: t.burst, at: now}
		t.sources[source] = l
	}

	return l.take(t.rate, t.burst, now)
}

// forget makes place: full buckets need not be known, and if none is full
// all begin anew.
func (t *Table) forget(now time.Time) {
	for source, l := range t.sources {
		if l.tokens+now.Sub(l.at).Seconds()*t.rate >= t.burst {
			delete(t.sources, source)
		}
	}

	if len(t.sources) >= maxSources {
		clear(t.sources)
	}
}
