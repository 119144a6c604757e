package clock

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// shard is one goroutine and the tickers it serves, by phase. Its schedule is
// a row of steps, 2 ms apart; step k is for phase k modulo phases.
type shard struct {
	offset  time.Duration // of its steps against the other shards'
	size    atomic.Int64  // tickers in all phases
	changed chan struct{} // filled when a ticker is added

	mu     sync.Mutex
	phases [phases][]*entry

	lateness histogram
	skipped  atomic.Uint64
}

func newShard(offset time.Duration) *shard {
	return &shard{offset: offset, changed: make(chan struct{}, 1)}
}

// add puts e into the emptiest phase.
func (s *shard) add(e *entry) {
	s.mu.Lock()
	for i := range s.phases {
		if len(s.phases[i]) < len(s.phases[e.phase]) {
			e.phase = i
		}
	}
	s.phases[e.phase] = append(s.phases[e.phase], e)
	s.size.Add(1)
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// drop takes e out of its phase, if it is still there.
func (s *shard) drop(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leave(e) {
		s.size.Add(-1)
	}
}

// leave takes e out of its phase. The lock is held.
func (s *shard) leave(e *entry) bool {
	i := slices.Index(s.phases[e.phase], e)
	if i < 0 {
		return false
	}
	s.phases[e.phase] = slices.Delete(s.phases[e.phase], i, i+1)
	return true
}

// shift moves e, whose tick was due at due, to the next phase or the one
// before.
func (s *shard) shift(e *entry, due time.Time, by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if by == 0 || !s.leave(e) {
		return
	}
	e.phase = (e.phase + by + phases) % phases
	// Its new phase's step after this one may come before its time.
	e.from = due.Add(period + time.Duration(by)*step)
	s.phases[e.phase] = append(s.phases[e.phase], e)
}

// run ticks until stop is closed.
func (s *shard) run(origin time.Time, stop <-chan struct{}) {
	origin = origin.Add(s.offset)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var batch []*entry
	next := int64(0) // the first step that is not done
	for {
		k, ok := s.occupied(next)
		due := origin.Add(time.Duration(k) * step)
		wait := time.Until(due)
		if ok && wait <= 0 {
			select {
			case <-stop:
				return
			default:
			}
			skip := s.overdue(-wait)
			k, due = k+skip*phases, due.Add(time.Duration(skip)*period)
			batch = s.tick(k, due, batch)
			next = k + 1
			continue
		}
		timer.Stop()
		if ok {
			timer.Reset(wait)
		}
		select {
		case <-stop:
			return
		case <-timer.C:
		case <-s.changed:
			// The new ticker's first step is to come; step k stays due.
			next = max(next, int64(time.Since(origin)/step)+1)
			if ok {
				next = min(next, k)
			}
		}
	}
}

// occupied is the first step from next on whose phase has tickers.
func (s *shard) occupied(next int64) (k int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k = next; k < next+phases; k++ {
		if len(s.phases[k%phases]) > 0 {
			return k, true
		}
	}
	return next, false
}

// overdue applies the catch-up rule to a step that is late: it says how many
// ticks of each call are skipped, and counts them.
func (s *shard) overdue(late time.Duration) (skip int64) {
	skip = int64(late/period) - behind
	if skip <= 0 {
		return 0
	}
	s.skipped.Add(uint64(skip * s.size.Load()))
	return skip
}

// tick runs step k.
func (s *shard) tick(k int64, due time.Time, batch []*entry) []*entry {
	s.mu.Lock()
	batch = append(batch[:0], s.phases[k%phases]...)
	s.mu.Unlock()
	for _, e := range batch {
		now := time.Now()
		if e.from.After(due) || !e.tick(now) {
			continue
		}
		s.lateness.observe(now.Sub(due))
		if e.ticks++; e.shifter != nil && e.ticks%shiftEvery == 0 {
			s.shift(e, due, min(max(e.shifter.Shift(step), -1), 1))
		}
	}
	clear(batch) // holds no call longer than its step
	return batch
}
