package vad

// How many low values are kept, for how many frames, and what a place without
// one holds.
const (
	lowest = 16
	oldest = 100
	none   = 10000

	timeless = -oldest - 1 // the birth of none
)

// lows follows the least energies that a band had in the last 100 frames, Q4.
type lows struct {
	values [lowest]int16 // rising
	births [lowest]int32 // frames at which they came
	frame  int32         // this one
	due    int32         // until which frame none is too old
	smooth int16
}

func newLows() lows {
	l := lows{smooth: 1600}
	for i := range l.values {
		l.values[i], l.births[i] = none, timeless
	}
	return l
}

// add takes the next frame's energy and returns the smoothed third of the
// least. frames is how many were judged before.
func (l *lows) add(x int16, frames int) int16 {
	l.age()
	l.insert(x)
	median, keep := int16(1600), int32(0)
	switch {
	case frames > 2:
		median = l.values[2]
	case frames > 0:
		median = l.values[0]
	}
	if frames > 0 {
		keep = 32439 // 0.99, Q15
		if median < l.smooth {
			keep = 6553 // 0.2
		}
	}
	l.smooth = int16(((keep+1)*int32(l.smooth) + (32767-keep)*int32(median) + 16384) >> 15)
	return l.smooth
}

// age drops the values that are too old. The one that takes a dropped one's
// place does not age in this frame.
func (l *lows) age() {
	if l.frame++; l.frame < l.due {
		return
	}
	due := l.frame + oldest
	for i := range l.births {
		if l.frame-l.births[i] == oldest {
			copy(l.values[i:], l.values[i+1:])
			copy(l.births[i:], l.births[i+1:])
			l.values[lowest-1], l.births[lowest-1] = none, timeless
			if l.births[i] != timeless {
				l.births[i]++
			}
		}
		if l.births[i] != timeless {
			due = min(due, l.births[i]+oldest)
		}
	}
	l.due = due
}

// insert puts x in its place when it is one of the least.
func (l *lows) insert(x int16) {
	if x >= l.values[lowest-1] {
		return
	}
	i := lowest - 1
	for ; i > 0 && x < l.values[i-1]; i-- {
		l.values[i], l.births[i] = l.values[i-1], l.births[i-1]
	}
	l.values[i], l.births[i] = x, l.frame
}
