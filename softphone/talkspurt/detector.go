package talkspurt

import (
	"time"

	"trunkline/media/vad"
)

const (
	// A frame is loud when it exceeds the noise floor by loudOver, but never
	// asked for less than loudMin (comfort noise lies below) nor for more than
	// loudMax (a steady tone is its own floor, and is still audio).
	loudOver vad.DBov = 9
	loudMin  vad.DBov = -45
	loudMax  vad.DBov = -35
	// A frame is audible when it exceeds the quiet right beside the talkspurt
	// by audibleOver. What lies below audibleMin nobody hears on a telephone:
	// the decay of a room, the idle pattern of A-law (-72 dBov).
	audibleOver vad.DBov = 6
	audibleMin  vad.DBov = -60
)

// Times of media, not of arrival: packets that arrive in a burst count in full.
const (
	onset    = 60 * time.Millisecond  // loud audio that makes a talkspurt; a click is shorter
	hangover = 240 * time.Millisecond // time without loud audio that ends it; stops and short pauses are shorter
	bridge   = 40 * time.Millisecond  // silence inside the faint edge of a talkspurt
)

// An Edge is what a frame revealed.
type Edge uint8

// The edges of a talkspurt. Both are known some frames after the fact; the
// Spurt holds when they were on the wire.
const (
	None   Edge = iota
	Onset       // a talkspurt has begun
	Offset      // the talkspurt is over
)

// A Spurt is a stretch of speech with only short pauses in it.
type Spurt struct {
	First time.Time // when its first audible packet was on the wire
	Last  time.Time // when its last audible packet was on the wire; zero while it lasts
}

// frame is what the detector remembers of one frame.
type frame struct {
	level vad.DBov
	at    time.Time
	dur   time.Duration
}

// history holds 320 ms of 10 ms packets, which spans the hangover.
const history = 32

// A Detector finds talkspurts in the levels of one direction of a call. The
// zero value is ready for use. It does not allocate.
type Detector struct {
	recent  [history]frame // ring
	n       int            // frames seen
	floor   floor
	loud    vad.DBov      // what a loud frame exceeds at present
	loudFor time.Duration // loud audio of late, less the quiet between; while silent
	since   time.Duration // media since the last loud frame; while talking
	loudAt  int           // number of the last loud frame; while talking
	free    int           // number of the first frame after the latest talkspurt
	talking bool
	spurt   Spurt
}

// Step takes the next dur of audio: its level and when the packet
// that brought it was on the wire. For time in which no packet came, pass
// vad.Silence and the present time.
func (d *Detector) Step(level vad.DBov, at time.Time, dur time.Duration) Edge {
	d.recent[d.n%history] = frame{level, at, dur}
	d.n++
	d.loud = d.floor.threshold(level, dur)
	if !d.talking {
		return d.silent(level > d.loud, dur)
	}
	if level > d.loud {
		d.since, d.loudAt = 0, d.n-1

		return None
	}
	if d.since += dur; d.since < hangover {
		return None
	}
	d.finish()

	return Offset
}

func (d *Detector) silent(loud bool, dur time.Duration) Edge {
	if !loud {
		d.loudFor = max(d.loudFor-dur, 0)

		return None
	}
	if d.loudFor += dur; d.loudFor < onset {
		return None
	}
	d.talking, d.loudFor, d.since, d.loudAt = true, 0, 0, d.n-1
	d.spurt = Spurt{First: d.firstAudible()}

	return Onset
}

// Talking reports whether a talkspurt is running.
func (d *Detector) Talking() bool { return d.talking }

// Spurt is the running talkspurt, or the latest when none runs.
func (d *Detector) Spurt() Spurt { return d.spurt }

// Flush ends a running talkspurt, as at the end of a call or a recording. It
// reports whether one was running.
func (d *Detector) Flush() bool {
	if !d.talking {
		return false
	}
	d.finish()

	return true
}

func (d *Detector) finish() {
	d.talking = false
	last := d.lastAudible()
	d.spurt.Last, d.free = d.recent[last%history].at, last+1
}

// firstAudible walks back from the newest frame to the first packet of the
// talkspurt that has just been recognised.
func (d *Detector) firstAudible() time.Time {
	oldest := max(d.n-history, d.free)
	quietest := d.recent[oldest%history].level
	for i := oldest; i < d.n; i++ {
		quietest = min(quietest, d.recent[i%history].level)
	}
	threshold := d.audible(quietest)
	first, gap := d.recent[(d.n-1)%history].at, time.Duration(0)
	for i := d.n - 1; i >= oldest && gap <= bridge; i-- {
		f := d.recent[i%history]
		if f.level > threshold {
			first, gap = f.at, 0
		} else {
			gap += f.dur
		}
	}

	return first
}

// lastAudible walks from the last loud frame to the end of what followed it
// without a pause, and returns that frame's number.
func (d *Detector) lastAudible() int {
	last := max(d.loudAt, d.n-history)
	quietest := d.recent[last%history].level
	for i := last; i < d.n; i++ {
		quietest = min(quietest, d.recent[i%history].level)
	}
	threshold, gap := d.audible(quietest), time.Duration(0)
	for i := last + 1; i < d.n && gap <= bridge; i++ {
		f := d.recent[i%history]
		if f.level > threshold {
			last, gap = i, 0
		} else {
			gap += f.dur
		}
	}

	return last
}

// audible is the level that an audible frame exceeds beside quiet of the
// given level; a loud frame is always audible.
func (d *Detector) audible(quietest vad.DBov) vad.DBov {
	return min(max(quietest+audibleOver, audibleMin), d.loud)
}

// Window over which the noise floor is the lowest level: longer than a word,
// since between words the floor shows.
const (
	floorParts = 8
	floorPart  = 200 * time.Millisecond
)

// floor tracks the level of the background.
type floor struct {
	parts [floorParts]vad.DBov // lowest level of each part of the window, ring
	used  int                  // parts that hold a level
	at    int                  // the part being filled
	in    time.Duration        // audio in it
}

// threshold adds a frame of the given level and returns what a loud frame
// exceeds.
func (f *floor) threshold(level vad.DBov, dur time.Duration) vad.DBov {
	switch {
	case f.used == 0:
		f.used, f.parts[0] = 1, level
	case f.in >= floorPart:
		f.at, f.in = (f.at+1)%floorParts, 0
		f.used = min(f.used+1, floorParts)
		f.parts[f.at] = level
	default:
		f.parts[f.at] = min(f.parts[f.at], level)
	}
	f.in += dur
	lowest := f.parts[0]
	for _, l := range f.parts[1:f.used] {
		lowest = min(lowest, l)
	}

	return min(max(lowest+loudOver, loudMin), loudMax)
}
