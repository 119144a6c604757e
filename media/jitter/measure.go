package jitter

import (
	"math"
	"time"

	"trunkline/media"
)

// discontinuity is a change of transit time that is no jitter but a stall or
// a sender that set its timestamps anew.
const discontinuity = time.Second

// interarrival estimates the jitter of RFC 3550 section 6.4.1 and appendix A.8.
type interarrival struct {
	known     bool
	arrived   time.Time
	timestamp uint32
	jitter    time.Duration // times 16, so that the fraction is kept
}

// arrive takes the next packet in the order of arrival.
func (j *interarrival) arrive(at time.Time, timestamp uint32) {
	apart := media.Samples(int32(timestamp - j.timestamp)).Duration()
	d := (at.Sub(j.arrived) - apart).Abs()
	if j.known && d < discontinuity {
		j.jitter += d - (j.jitter+8)/16
	}
	j.known, j.arrived, j.timestamp = true, at, timestamp
}

// restart forgets the last packet but not the estimate.
func (j *interarrival) restart() { j.known = false }

func (j *interarrival) mean() time.Duration { return j.jitter / 16 }

// guard is the time that the quickest packets should have in hand: what the
// tick itself may be early, and twice the mean jitter.
func (j *interarrival) guard() time.Duration {
	return 3*time.Millisecond + 2*j.mean()
}

// bucketTicks is how long one bucket of waits collects: 1 s.
const bucketTicks = 50

// bucketPackets is how many packets a bucket needs to tell something: 60 ms
// packets come 16 in a second.
const bucketPackets = 10

// waits follows how long packets wait for their turn.
type waits struct {
	now, before bucket
	ticks       int
	mean        time.Duration // smoothed by 1/16
}

type bucket struct {
	least   time.Duration
	packets int
}

// add takes the wait of one packet.
func (w *waits) add(d time.Duration) {
	if w.now.packets == 0 || d < w.now.least {
		w.now.least = d
	}
	w.now.packets++
	if w.mean == 0 {
		w.mean = d
	} else {
		w.mean += (d - w.mean) / 16
	}
}

// tick counts time; a full bucket takes the place of the one before.
func (w *waits) tick() {
	if w.ticks++; w.ticks < bucketTicks {
		return
	}
	w.ticks = 0
	w.before, w.now = w.now, bucket{}
}

// least is the shortest wait of the last one to two seconds, negative while
// too little is known.
func (w *waits) least() time.Duration {
	if w.before.packets < bucketPackets {
		return math.MinInt64 / 2
	}
	if w.now.packets == 0 {
		return w.before.least
	}
	return min(w.before.least, w.now.least)
}

// shorten says that packets wait d less from now on.
func (w *waits) shorten(d time.Duration) {
	w.before.least -= d
	w.now.least -= d
}

// restart forgets the buckets.
func (w *waits) restart() { *w = waits{mean: w.mean} }
