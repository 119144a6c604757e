package rtp

import "trunkline/media"

// fadeSamples is how long a gap is filled before it is silent: 60 ms.
const fadeSamples = 480

// fade conceals missing audio: it repeats the last frame and fades it out.
type fade struct {
	last media.Frame // the latest samples, oldest first
	made int         // samples made up since the last real one
}

// Good implements jitter.Concealer.
func (c *fade) Good(samples []int16) {
	c.made = 0
	if n := len(c.last) - len(samples); n > 0 {
		copy(c.last[:n], c.last[len(samples):])
		copy(c.last[n:], samples)
		return
	}
	copy(c.last[:], samples[len(samples)-len(c.last):])
}

// Conceal implements jitter.Concealer.
func (c *fade) Conceal(dst []int16) {
	for i := range dst {
		if c.made >= fadeSamples {
			clear(dst[i:])
			return
		}
		s := int32(c.last[c.made%len(c.last)])
		dst[i] = int16(s * int32(fadeSamples-c.made) / fadeSamples)
		c.made++
	}
}
