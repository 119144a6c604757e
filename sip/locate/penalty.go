package locate

import (
	"slices"
	"sync"
	"time"
)

// penalty is how long a hop that failed is tried last.
const penalty = 30 * time.Second

// maxPenalties bounds the hops that are remembered; beyond it the oldest is
// forgiven.
const maxPenalties = 1024

// Penalties remembers which hops failed a moment ago. The zero value is
// empty. Its methods may be called from any goroutine.
type Penalties struct {
	mu    sync.Mutex
	until map[Hop]time.Time
}

// Fail notes that a hop was silent, could not be reached, or refused to
// serve. after is how long it asks to be left alone (Retry-After); 0 means the
// usual time.
func (p *Penalties) Fail(h Hop, now time.Time, after time.Duration) {
	if after <= 0 {
		after = penalty
	}

	p.mu.Lock()
	defer p.mu.Unlock()

	if p.until == nil {
		p.until = make(map[Hop]time.Time)
	}

	p.forgive(now)
	p.until[h] = now.Add(min(after, 10*time.Minute))
}

// forgive makes place for one more.
func (p *Penalties) forgive(now time.Time) {
	if len(p.until) < maxPenalties {
		return
	}

	var (
		oldest Hop
		first  time.Time
	)

	for h, until := range p.until {
		if !until.After(now) {
			delete(p.until, h)
		} else if first.IsZero() || until.Before(first) {
			oldest, first = h, until
		}
	}

	if len(p.until) >= maxPenalties {
		delete(p.until, oldest)
	}
}

// Works notes that a hop has answered.
func (p *Penalties) Works(h Hop) {
	p.mu.Lock()
	defer p.mu.Unlock()

	delete(p.until, h)
}

// Order moves the hops that failed a moment ago to the end: they are better
// than none.
func (p *Penalties) Order(hops []Hop, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()

	slices.SortStableFunc(hops, func(a, b Hop) int {
		x, y := p.until[a].After(now), p.until[b].After(now)

		switch {
		case x == y:
			return 0
		case x:
			return 1
		default:
			return -1
		}
	})
}
