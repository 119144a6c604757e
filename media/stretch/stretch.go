package stretch

import "trunkline/media/pitch"

// Limits, in samples at 8 kHz.
const (
	// MinLag is the least that voiced speech can be changed by: a period of
	// a voice of 200 Hz.
	MinLag = 40
	// MaxLag is the most: a period of 66 Hz with room for two of a higher
	// voice.
	MaxLag = 160
	// Overlap is the length of the cross-fade.
	Overlap = 80

	window = 120 // 15 ms are compared
)

// Shorter finds how many samples, from MinLag to most, are best left out of x
// near its start, and how well the two sides of the cut match: the correlation,
// -1 to 1. x must hold at least 120 samples more than most; most must not be
// below MinLag.
func Shorter(x []int16, most int) (lag int, match float64) {
	return pitch.Search(x, 0, window, MinLag, min(most, MaxLag))
}

// Shorten fills dst with the start of x less lag samples; it takes
// len(dst)+lag of them. dst must hold at least Overlap samples.
func Shorten(dst, x []int16, lag int) {
	fade(dst, x, x[lag:])
}

// Longer finds how many samples, from MinLag to most, are best repeated at
// x[at], and how well the seam matches. x must hold 120 samples from at on and
// MaxLag before it; most must not be below MinLag.
func Longer(x []int16, at, most int) (lag int, match float64) {
	lag, match = pitch.Search(x, at, window, -min(most, MaxLag), -MinLag)
	return -lag, match
}

// Lengthen fills dst with what follows x[at], after repeating lag samples; it
// takes len(dst)-lag new ones. dst must hold at least Overlap samples, as must
// x from at on, and lag before at.
func Lengthen(dst, x []int16, at, lag int) {
	fade(dst, x[at:], x[at-lag:])
}

// fade fills dst with b, but for the first Overlap samples, which go over from
// a.
func fade(dst, a, b []int16) {
	copy(dst, b[:len(dst)])
	for i := range Overlap {
		v, w := int32(a[i]), int32(b[i])
		dst[i] = int16(v + (w-v)*int32(i+1)/(Overlap+1))
	}
}
