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
	energy := int64(0)
	for _, s := range f {
		energy += int64(s) * int64(s)
	}
	if energy == 0 {
		return Silence
	}
	return DBov(10 * math.Log10(float64(energy)/media.FrameSamples/(fullScale*fullScale)))
}
