package tone

import (
	"math"
	"time"

	"trunkline/media"
)

// band is a range of frequencies in Hz.
type band struct{ low, high float64 }

func (b band) holds(hertz float64) bool { return hertz >= b.low && hertz <= b.high }

// The frequencies of single tones.
var (
	ceptTone = band{400, 450}
	cngTone  = band{1100 - 38, 1100 + 38} // ITU-T T.30
	cedTone  = band{2100 - 20, 2100 + 20} // ITU-T T.30: ±15 Hz; the rest is what noise adds
	beepTone = band{400, 2000}
	// ITU-T E.180: 950, 1400 and 1800 Hz, ±50 Hz each; North America's lie
	// within.
	sitTones = [3]band{{890, 1010}, {1340, 1460}, {1740, 1860}}
)

// The lengths of single tones.
var (
	cngLength  = between(340*time.Millisecond, 660*time.Millisecond) // 0.5 s ± 15 %, and the edges
	sitLength  = between(180*time.Millisecond, 460*time.Millisecond) // 276 to 380 ms ± 70 ms
	beepLength = between(120*time.Millisecond, 3*time.Second)
)

const (
	// cedFrames are enough of a fax's answer.
	cedFrames = 25

	// drift is how far the frequency of one tone may move between frames.
	drift = 20.0

	// holes is how many frames of a tone may be unlike it: the phase
	// reversals of an answering modem, a concealed packet.
	holes = 2

	// sitGap is how many frames may lie between the tones of a SIT.
	sitGap = 5

	// spoken is how many frames of speech make what came before a beep an
	// announcement: 0.5 s.
	spoken = 25
)

// singles follows single tones.
type singles struct {
	hertz  float64 // of the tone that sounds; 0: none
	start  int     // frame at which it began
	length int     // frames to its last one
	missed int     // frames since
	told   bool    // its event was given already
	speech int     // frames of speech so far

	stage   int // tones of a SIT so far
	sitFrom int // frame at which the first began
	sitEnd  int // frame after the latest

	maybe Event // a beep, unless the second tone of a SIT follows
}

// step takes a frame; at is its number, and speech what it may be when it is
// no tone. Of a tone that ended, or of a CED, it
// reports what it was.
func (t *singles) step(s *sound, speech bool, at int) (e Event, ok bool) {
	if t.hertz != 0 && math.Abs(s.hertz-t.hertz) <= drift {
		t.length, t.missed = at-t.start+1, 0
		t.hertz += (s.hertz - t.hertz) / 4
		if !t.told && t.length >= cedFrames && cedTone.holds(t.hertz) {
			t.told = true
			return t.event(FaxCED), true
		}
		return e, false
	}
	if t.hertz != 0 {
		if t.missed++; t.missed <= holes {
			return e, false
		}
		e, ok = t.ended()
		t.hertz = 0
	}
	switch {
	case s.hertz != 0:
		t.hertz, t.start, t.length, t.missed, t.told = s.hertz, at, 1, 0, false
	case speech:
		t.speech++
	}
	if !ok && t.maybe != (Event{}) && at-t.sitEnd > sitGap && t.hertz == 0 {
		e, ok = t.maybe, true
		t.maybe = Event{}
	}
	return e, ok
}

// ended says what the tone was that has ended.
func (t *singles) ended() (e Event, ok bool) {
	if t.series() {
		t.maybe = Event{}
		return Event{Kind: SIT, Start: at(t.sitFrom), End: at(t.sitEnd)}, true
	}
	switch {
	case t.told:
		return e, false
	case cngTone.holds(t.hertz) && cngLength.holds(t.length):
		return t.event(FaxCNG), true
	case t.speech < spoken || !beepTone.holds(t.hertz) || !beepLength.holds(t.length):
		return e, false
	case t.stage == 1:
		t.maybe = t.event(Beep)
		return e, false
	default:
		return t.event(Beep), t.stage == 0
	}
}

// series adds the tone that has ended to a SIT; it reports whether that
// completes one.
func (t *singles) series() bool {
	if t.stage > 0 && t.start-t.sitEnd > sitGap {
		t.stage = 0
	}
	if !sitTones[t.stage].holds(t.hertz) || !sitLength.holds(t.length) {
		t.stage = 0
		if !sitTones[0].holds(t.hertz) || !sitLength.holds(t.length) {
			return false
		}
	}
	if t.stage == 0 {
		t.sitFrom = t.start
	}
	t.sitEnd = t.start + t.length
	if t.stage++; t.stage < len(sitTones) {
		return false
	}
	t.stage = 0
	return true
}

func (t *singles) event(k Kind) Event {
	return Event{Kind: k, Start: at(t.start), End: at(t.start + t.length), Hertz: t.hertz}
}

// at is the first sample of a frame.
func at(frame int) media.Samples { return media.Samples(frame) * media.FrameSamples }
