package rtcp

import "time"

const (
	// interval is the least time between reports (RFC 3550 section 6.2); the
	// bandwidth of two parties allows it always.
	interval = 5 * time.Second

	// compensation makes up for the reconsideration, which draws reports
	// nearer than they should be: e - 3/2 (RFC 3550 section 6.3.1).
	compensation = 1.21828
)

// timer is when to report (RFC 3550 section 6.3).
type timer struct {
	random func() float64
	last   time.Time
	next   time.Time
	begun  bool // a report was sent
}

func newTimer(now time.Time, random func() float64) timer {
	t := timer{random: random, last: now}
	t.next = now.Add(t.draw())
	return t
}

// draw is a random interval; the first is half as long.
func (t *timer) draw() time.Duration {
	d := interval
	if !t.begun {
		d /= 2
	}
	return time.Duration(float64(d) * (0.5 + t.random()) / compensation)
}

// expire says whether to report now, and sets the next time.
func (t *timer) expire(now time.Time) bool {
	if now.Before(t.next) {
		return false
	}
	if again := t.last.Add(t.draw()); again.After(now) {
		t.next = again
		return false
	}
	t.last, t.begun = now, true
	t.next = now.Add(t.draw())
	return true
}
