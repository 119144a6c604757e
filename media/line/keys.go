package line

import (
	"time"

	"trunkline/media"
	"trunkline/media/dtmf"
)

// eventTail is how many frames after a telephone event has ended are still
// withheld from the ear: the event overtakes the audio that waits in the
// jitter buffer. 100 ms.
const eventTail = 5

// A keyer is a leg that knows telephone events.
type keyer interface {
	// Keying says whether events were agreed on and whether a key is down.
	Keying() (events, pressed bool)
}

// keys is where a call's key presses come together.
type keys struct {
	mode   dtmf.Mode
	keyer  keyer // nil when the leg knows no events
	told   <-chan media.Digit
	merger dtmf.Merger

	detector dtmf.Detector
	tapped   bool // somebody records, who gets no tone whatever counts as a key
	active   bool // keys in the audio count
	tail     int  // frames still to be withheld
	inBand   media.Digit
}

// hear looks for tones in the caller's frame. It reports whether the frame is
// to be withheld from the ear, and whether from the tap.
func (k *keys) hear(f *media.Frame) (ear, tap bool) {
	events, pressed := true, false // a leg that does not say needs no detector
	if k.keyer != nil {
		events, pressed = k.keyer.Keying()
	}
	switch {
	case pressed && k.mode.Takes(dtmf.Event, events):
		k.tail = eventTail
	case k.tail > 0:
		k.tail--
	}
	active := k.mode.Takes(dtmf.InBand, events)
	if active != k.active {
		k.active = active
		k.detector.Reset()
	}
	var h dtmf.Heard
	if active || k.tapped {
		h = k.detector.Step(f)
	}
	if active {
		k.inBand = h.Released
	}
	return h.Tone && active || k.tail > 0, h.Tone || k.tail > 0
}

// take gives the next key press that counts, in the order events, INFO, tones.
func (k *keys) take(leg media.Leg, now time.Time) (media.Digit, bool) {
	for d, ok := leg.Digit(); ok; d, ok = leg.Digit() {
		if k.counts(d, dtmf.Event, now) {
			return d, true
		}
	}
	for len(k.told) > 0 { // quicker than a select; nobody else takes from it
		if d := <-k.told; k.counts(d, dtmf.Info, now) {
			return d, true
		}
	}
	d := k.inBand
	k.inBand = media.Digit{}
	return d, d.Key != 0 && k.counts(d, dtmf.InBand, now)
}

// counts says whether a key press by a way is to be told.
func (k *keys) counts(d media.Digit, by dtmf.Source, now time.Time) bool {
	return k.mode.Takes(by, false) && k.merger.Take(d, by, now)
}
