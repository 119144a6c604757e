package rtp

import (
	"time"

	"trunkline/media"
)

const (
	// hangover is how long the agent is silent until that is sent as comfort
	// noise: pauses between words stay audio.
	hangover = int(200 * time.Millisecond / media.FrameDuration)

	// noiseEvery is how often comfort noise is repeated, so that a lost packet
	// of it leaves no long hole and a NAT keeps its binding.
	noiseEvery = int(200 * time.Millisecond / media.FrameDuration)

	// noiseLevel is the comfort noise in -dBov (RFC 3389 section 3): that of a
	// quiet digital line.
	noiseLevel = 70

	// silentPeak is the loudest sample of silence: G.711's least step.
	silentPeak = 8
)

// silence decides which of the agent's frames need not be sent. Its zero value
// hears speech.
type silence struct {
	frames int  // silent ones in a row
	off    bool // this frame is not sent
	due    bool // a comfort noise packet is due in its place
}

// step takes the next frame and reports whether it is left out.
func (s *silence) step(f *media.Frame) bool {
	for _, v := range f {
		if v > silentPeak || v < -silentPeak {
			*s = silence{}
			return false
		}
	}
	s.frames++
	if s.off = s.frames > hangover; s.off {
		s.due = (s.frames-hangover-1)%noiseEvery == 0
	}
	return s.off
}

// interrupt takes note of a frame whose place something else takes; a silence
// that goes on after it is told anew.
func (s *silence) interrupt() {
	s.frames = min(s.frames, hangover)
	s.off, s.due = false, false
}
