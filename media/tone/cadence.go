package tone

import (
	"time"

	"trunkline/media"
)

// pattern is what a frame is to call progress.
type pattern uint8

const (
	none     pattern = iota
	pairRing         // 440+480 Hz
	pairBusy         // 480+620 Hz
	single           // 425 Hz
)

// span is a range of frames.
type span struct{ least, most int }

func between(least, most time.Duration) span {
	return span{int(least / media.FrameDuration), int((most + media.FrameDuration - 1) / media.FrameDuration)}
}

func (s span) holds(frames int) bool { return frames >= s.least && frames <= s.most }

// The cadences, 20 % either way and a frame for the edges.
var (
	ringLong  = between(1580*time.Millisecond, 2420*time.Millisecond)
	ringShort = between(780*time.Millisecond, 1220*time.Millisecond)
	halfSec   = between(380*time.Millisecond, 620*time.Millisecond)
	quarter   = between(180*time.Millisecond, 320*time.Millisecond)
)

const (
	// busyParts and reorderParts are how many tones and pauses in a row make
	// a busy tone (1.5 s) and a reorder tone (1.25 s).
	busyParts, reorderParts = 3, 5

	// settle is how many frames a change must last to be one.
	settle = 2
)

// cadence follows tones and pauses.
type cadence struct {
	now     pattern // as it has settled
	length  int     // frames of it
	next    pattern // what it may become
	pending int     // frames of that
	tone    pattern // of the series
	halves  int     // parts of half a second in a row
	quarts  int     // parts of a quarter of a second in a row
	began   int     // frame at which the series began
}

// step takes a frame's pattern; at is its number. It reports what the part
// that ended tells.
func (c *cadence) step(p pattern, at int) (k Kind, start int, ok bool) {
	if p == c.now {
		c.length += c.pending + 1
		c.pending = 0
		return 0, 0, false
	}
	if p != c.next {
		c.length += c.pending // a change that did not last
		c.next, c.pending = p, 0
	}
	if c.pending++; c.pending < settle {
		return 0, 0, false
	}
	k, start, ok = c.part(at - c.pending + 1)
	c.now, c.length, c.pending = p, c.pending, 0
	if p != none && p != c.tone {
		c.tone, c.halves, c.quarts = p, 0, 0
	}
	return k, start, ok
}

// part judges the part that ended before frame at.
func (c *cadence) part(at int) (k Kind, start int, ok bool) {
	start = at - c.length
	if c.now == none && c.tone == none {
		return 0, 0, false
	}
	c.halves = inRow(c.halves, halfSec.holds(c.length), c.now != none)
	c.quarts = inRow(c.quarts, quarter.holds(c.length), c.now != none)
	if c.halves == 1 || c.quarts == 1 {
		c.began = start
	}
	switch {
	case c.now == none:
		return 0, 0, false
	case c.tone != pairRing && c.halves == busyParts:
		return Busy, c.began, true
	case c.tone != pairRing && c.quarts == reorderParts:
		return Reorder, c.began, true
	case c.tone == pairRing && ringLong.holds(c.length), c.tone == single && ringShort.holds(c.length):
		return Ringback, start, true
	default:
		return 0, 0, false
	}
}

// inRow counts parts that fit; a series begins with a tone.
func inRow(n int, fits, tone bool) int {
	switch {
	case !fits, n == 0 && !tone:
		return 0
	default:
		return n + 1
	}
}
