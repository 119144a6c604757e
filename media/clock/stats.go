package clock

import (
	"math"
	"sync/atomic"
	"time"
)

// bounds are the upper limits of the lateness buckets; a last bucket has no
// limit.
var bounds = [...]time.Duration{
	100 * time.Microsecond,
	250 * time.Microsecond,
	500 * time.Microsecond,
	1 * time.Millisecond,
	2 * time.Millisecond,
	3 * time.Millisecond,
	5 * time.Millisecond,
	10 * time.Millisecond,
	20 * time.Millisecond,
	50 * time.Millisecond,
	100 * time.Millisecond,
	200 * time.Millisecond,
}

// histogram counts durations. It is written by one goroutine and read by any.
type histogram struct {
	buckets [len(bounds) + 1]atomic.Uint64
	sum     atomic.Int64
	max     atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
	if int64(d) > h.max.Load() {
		h.max.Store(int64(d))
	}
}

// Stats counts the ticks of all shards since Start. Lateness is the time from
// a tick's deadline to its call.
type Stats struct {
	Tickers int    // added and not removed
	Ticks   uint64 // made
	Late    uint64 // of them, made 20 ms or more after their deadline
	Skipped uint64 // not made, because more than five were missed in a row
	Sum     time.Duration
	Max     time.Duration
	Buckets []Bucket // in growing order; the last one's UpTo is the largest Duration
}

// Bucket counts the ticks whose lateness was at most UpTo and over the UpTo of
// the bucket before.
type Bucket struct {
	UpTo  time.Duration
	Ticks uint64
}

// Stats is a snapshot of the clock's counters.
func (c *Clock) Stats() Stats {
	t := Stats{Buckets: make([]Bucket, len(bounds)+1)}
	for i := range t.Buckets {
		t.Buckets[i].UpTo = math.MaxInt64
		if i < len(bounds) {
			t.Buckets[i].UpTo = bounds[i]
		}
	}
	for _, s := range c.shards {
		t.Tickers += int(s.size.Load())
		t.Skipped += s.skipped.Load()
		t.Sum += time.Duration(s.lateness.sum.Load())
		t.Max = max(t.Max, time.Duration(s.lateness.max.Load()))
		for i := range t.Buckets {
			n := s.lateness.buckets[i].Load()
			t.Buckets[i].Ticks += n
			t.Ticks += n
			if i > 0 && t.Buckets[i-1].UpTo >= period {
				t.Late += n
			}
		}
	}
	return t
}

// Percentile is an upper limit of the lateness of q of all ticks, 0 < q <= 1:
// the end of the bucket that contains it, or Max when that is less. It is zero
// when there were no ticks.
func (s Stats) Percentile(q float64) time.Duration {
	rank := uint64(math.Ceil(q * float64(s.Ticks)))
	seen := uint64(0)
	for _, b := range s.Buckets {
		if seen += b.Ticks; b.Ticks > 0 && seen >= rank {
			return min(b.UpTo, s.Max)
		}
	}
	return 0
}
