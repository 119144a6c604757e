package pipeline

import "trunkline/media"

// A Front treats what the recogniser of one call hears, and nobody else does:
// voice activity, barge-in and the recorder keep the plain line. Its methods
// are called on the tick goroutine.
type Front interface {
	// Hear learns from each frame of the call, before it is treated.
	Hear(f *media.Frame, voiced bool)
	// Begin starts a talkspurt.
	Begin()
	// Clean treats the next frame of the talkspurt. What it returns is valid
	// until the next call; nil when there is nothing yet.
	Clean(f *media.Frame) *media.Frame
}
