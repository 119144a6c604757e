package line

import "trunkline/media"

// late is a frame that the ear hears one tick later, while keys are looked for
// in the audio: the first 20 ms of a key's tone are known for what they are
// only then.
type late struct {
	held   bool
	frame  media.Frame
	in     media.Inbound
	voiced bool
}

// tell gives heard to the ear, at once where no tones are looked for.
func (l *Line) tell(heard *media.Frame, in media.Inbound, voiced bool) {
	d := &l.late
	if d.held {
		d.held = false
		if heard == &l.silence { // a key: the frame before holds its beginning
			l.ear.Hear(&l.silence, d.in, false)
		} else {
			l.ear.Hear(&d.frame, d.in, d.voiced)
		}
	}
	if !l.keys.active {
		l.ear.Hear(heard, in, voiced)
		return
	}
	d.held, d.frame, d.in, d.voiced = true, *heard, in, voiced
}

// untapped is a tick that the tap gets one later, for the same reason. Pressed
// keys may be those of a card and stand in no recording, also where only
// telephone events count: nobody knows what else a far end sends.
type untapped struct {
	held          bool
	caller, agent media.Frame
}

// record gives the tap the tick before, and keeps this one.
func (l *Line) record(caller *media.Frame) {
	d := &l.untapped
	if d.held {
		before := &d.caller
		if caller == &l.silence { // a key: the frame before holds its beginning
			before = &l.silence
		}
		l.tap.Write(before, &d.agent)
	}
	d.held, d.caller, d.agent = true, *caller, l.agent
}
