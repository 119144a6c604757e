package call

import "trunkline/media/tone"

const (
	// tonesWaiting bounds the tones that the call has not looked at yet.
	tonesWaiting = 8

	// faxCalls is how many bursts of a calling fax's tone make sure: one may
	// be anything that beeps.
	faxCalls = 2
)

// toneHeard takes a tone from the line. It is called on the tick goroutine.
func (c *call) toneHeard(e tone.Event) {
	select {
	case c.tones <- e:
	default: // nobody learns from a ninth
	}
}

// fax says whether the caller is by now known to be a fax machine that is not
// to stay.
func (c *call) fax(e tone.Event) bool {
	switch e.Kind {
	case tone.FaxCED:
		c.faxTones = faxCalls
	case tone.FaxCNG:
		c.faxTones++
	default:
	}

	return c.faxTones >= faxCalls && !c.m.cfg.KeepFax
}
