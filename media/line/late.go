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
