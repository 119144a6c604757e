package vad

import "trunkline/media"

// Detector judges the frames of one call, in order. It adapts to the call's
// noise and belongs to one goroutine.
type Detector struct {
	bank   filterbank
	models mixture
}

// New makes a Detector. It does not fail.
func New() (*Detector, error) {
	return &Detector{models: newMixture()}, nil
}

// Voiced reports whether f sounds like speech. It does not allocate.
func (d *Detector) Voiced(f *media.Frame) bool {
	features, total := d.bank.measure(f)
	return d.models.judge(&features, total)
}
