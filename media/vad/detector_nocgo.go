//go:build !cgo

package vad

import (
	"errors"

	"trunkline/media"
)

// Detector judges the frames of one call, in order.
type Detector struct{}

// New fails: the detector needs cgo.
func New() (*Detector, error) {
	return nil, errors.New("vad: new detector: built without cgo: install gcc and rebuild with CGO_ENABLED=1")
}

// Voiced is never reached, since New fails.
func (*Detector) Voiced(*media.Frame) bool { return false }
