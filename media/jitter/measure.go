package jitter

import (
	"time"

	"trunkline/media"
)

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

// ticks is the even time of the ticks, which come a little late each.
type ticks struct {
	known bool
	even  time.Time
}

// step takes the time of the next tick.
func (c *ticks) step(now time.Time) {
	const stall = 60 * time.Millisecond
	c.even = c.even.Add(media.FrameDuration)
	if late := now.Sub(c.even); !c.known || late < 0 || late > stall {
		c.known, c.even = true, now
	} else {
		c.even = c.even.Add(late / 32)
	}
}
