package vad

import (
	"math"

	"trunkline/media"
)

// DBov is a level in decibels relative to overload: 0 is a square wave at full
// scale (ITU-T G.100.1), and telephone speech is around -26.
type DBov float64

// Silence is the level of a frame of zeros, the least that RFC 6464 can say.
const Silence DBov = -127

// Level is the mean power of a frame, from Silence to 0.
func Level(f *media.Frame) DBov {
	const fullScale = 32768
	var even, odd uint64 // side by side; a square fits 31 bits
	for i := 0; i < len(f); i += 2 {
		x, y := int32(f[i]), int32(f[i+1])
		even += uint64(uint32(x * x))
		odd += uint64(uint32(y * y))
	}
	energy := even + odd
	if energy == 0 {
		return Silence
	}
	return DBov(10 * math.Log10(float64(energy)/media.FrameSamples/(fullScale*fullScale)))
}
