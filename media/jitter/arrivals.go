package jitter

import (
	"math"
	"time"

	"trunkline/media"
)

const (
	// discontinuity is a change of transit time that is no jitter but a sender
	// that set its timestamps anew.
	discontinuity = time.Second

	// strangers is how many packets in a row must be later than Options.Max
	// until that counts as the path's new transit time.
	strangers = 5

	// The least transit time is looked for in the last 2.5 to 3 s: long enough
	// to see a punctual packet, short enough for 500 ppm of drift to be 1.5 ms.
	ages    = 6
	ageTime = 500 * time.Millisecond

	// quantile is the share of packets that the delay is to be enough for.
	quantile = 0.95

	// memory is the audio after which a packet counts for 1/e of a new one.
	memory = 10 * media.SampleRate

	// firstTarget is the delay that a call begins with.
	firstTarget = 20 * time.Millisecond

	// reserve is added to the quantile: the tick itself is not quite punctual,
	// and while the clocks drift, it takes time to find a place to stretch.
	reserve = 1 * time.Millisecond

	// leastTarget is what the most punctual path needs.
	leastTarget = 5 * time.Millisecond

	bins    = 256 // of the histogram, 1 ms each
	heavier = 1e9 // the weight at which the histogram is scaled down
)

// arrivals follows how late packets are: each by how much its transit time
// exceeds the least of the last seconds. The delay to aim for is a quantile of
// those, in a histogram that forgets.
type arrivals struct {
	max time.Duration

	known     bool
	epoch     time.Time // transit times are relative to it
	timestamp uint32    // the latest
	place     int64     // timestamp, extended by its wraps

	least [ages]time.Duration // transit times, by age; math.MaxInt64 where no packet came
	base  time.Duration       // the least of them
	turn  time.Time           // when least[0] was begun
	late  int                 // packets in a row later than max

	histogram [bins]float64
	weight    float64 // of the next packet: it grows, so that the older ones fade
	total     float64
	above     float64 // in the bins after top
	top       int     // the bin that holds the quantile
}

func newArrivals(longest time.Duration) arrivals {
	a := arrivals{max: longest}
	a.top = int((firstTarget-reserve)/time.Millisecond) - 1
	a.histogram[a.top] = 1
	a.weight, a.total = 1, 1
	return a
}

// arrive takes a packet of n samples and returns how late it was.
func (a *arrivals) arrive(at time.Time, timestamp uint32, n int) (late time.Duration) {
	if !a.known {
		a.restart(at, timestamp)
	}
	if step := int64(int32(timestamp - a.timestamp)); step > 0 {
		a.place += step
		a.timestamp = timestamp
	}
	transit := a.transit(at, timestamp)
	if d := transit - a.base; d.Abs() > discontinuity {
		a.restart(at, timestamp)
		transit = 0
	} else if d > a.max {
		if a.late++; a.late >= strangers {
			a.begin(at, transit)
		}
		return d
	}
	a.late = 0
	a.age(at, transit)
	late = transit - a.base
	a.count(late, n)
	return late
}

// restart begins with new timestamps; what is known of the jitter stays.
func (a *arrivals) restart(at time.Time, timestamp uint32) {
	a.known = true
	a.epoch, a.timestamp, a.place = at, timestamp, 0
	a.begin(at, 0)
}

// begin sets the least transit time anew.
func (a *arrivals) begin(at time.Time, transit time.Duration) {
	for i := range a.least {
		a.least[i] = math.MaxInt64
	}
	a.least[0], a.base, a.turn, a.late = transit, transit, at, 0
}

// transit is the time of timestamp on its way until at, relative to the epoch.
func (a *arrivals) transit(at time.Time, timestamp uint32) time.Duration {
	place := a.place + int64(int32(timestamp-a.timestamp))
	return at.Sub(a.epoch) - media.Samples(place).Duration()
}

// age takes the transit time of a packet into the least of the last seconds.
func (a *arrivals) age(at time.Time, transit time.Duration) {
	if at.Sub(a.turn) > ages*ageTime {
		a.begin(at, transit) // nothing came for long
	}
	for at.Sub(a.turn) >= ageTime {
		copy(a.least[1:], a.least[:ages-1])
		a.least[0] = math.MaxInt64
		a.turn = a.turn.Add(ageTime)
	}
	a.least[0] = min(a.least[0], transit)
	base := a.least[0]
	for _, l := range a.least[1:] {
		base = min(base, l)
	}
	if steps := int((base - a.base) / time.Millisecond); steps > 1 {
		a.shift(steps)
	}
	a.base = base
}

// shift makes all packets n ms less late: the path became longer for good, and
// what was counted since was counted against the shorter one.
func (a *arrivals) shift(n int) {
	n = min(n, bins-1)
	for _, w := range a.histogram[:n] {
		a.histogram[n] += w
	}
	copy(a.histogram[:], a.histogram[n:])
	clear(a.histogram[bins-n:])
	a.scale(1)
}

// count puts a packet of n samples into the histogram.
func (a *arrivals) count(late time.Duration, n int) {
	bin := min(int(late/time.Millisecond), bins-1)
	a.histogram[bin] += a.weight
	a.total += a.weight
	if bin > a.top {
		a.above += a.weight
	}
	a.weight /= 1 - float64(min(n, memory/2))/memory
	if a.weight > heavier {
		a.scale(1 / a.weight)
	}
	a.seek()
}

// scale multiplies all weights.
func (a *arrivals) scale(by float64) {
	a.weight *= by
	a.total, a.above = 0, 0
	for i := range a.histogram {
		a.histogram[i] *= by
		a.total += a.histogram[i]
		if i > a.top {
			a.above += a.histogram[i]
		}
	}
	a.seek()
}

// seek moves top to the bin that holds the quantile.
func (a *arrivals) seek() {
	rest := (1 - quantile) * a.total
	for a.top < bins-1 && a.above > rest {
		a.top++
		a.above -= a.histogram[a.top]
	}
	for a.top > 0 && a.above+a.histogram[a.top] <= rest {
		a.above += a.histogram[a.top]
		a.top--
	}
}

// needed is how late packets are, but for the share that is given up.
func (a *arrivals) needed() time.Duration {
	return max(time.Duration(a.top+1)*time.Millisecond+reserve, leastTarget)
}

// target is how late a packet may be and still play in time.
func (a *arrivals) target() time.Duration { return min(a.needed(), a.most()) }

// most is the greatest target.
func (a *arrivals) most() time.Duration { return a.max - media.FrameDuration }
