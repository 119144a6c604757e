package dtmf

import (
	"math"
	"math/cmplx"

	"trunkline/media"
)

const (
	// hop is how far analysis moves at a time: 5 ms.
	hop = 40
	// hops is how many make a frame.
	hops = media.FrameSamples / hop
	// span is how many hops one window covers: 15 ms, a bin width of 67 Hz.
	span = 3
	// window is the samples in one window.
	window = span * hop
	// tones is how many frequencies are looked at: the rows, then the columns.
	tones = 8
)

// bin is what Goertzel's algorithm needs to know of one frequency.
type bin struct {
	coefficient float64          // 2 cos ω
	tail        complex128       // e^-jω
	age         [span]complex128 // e^jωhi: brings the phase of i hops ago to now
	hertz       float64
}

// bins are the frequencies: four rows, four columns.
var bins = func() (all [tones]bin) {
	for i := range all {
		f := append(rows[:], columns[:]...)[i]
		w := 2 * math.Pi * f / media.SampleRate
		all[i] = bin{coefficient: 2 * math.Cos(w), tail: cmplx.Rect(1, -w), hertz: f}
		for k := range all[i].age {
			all[i].age[k] = cmplx.Rect(1, w*hop*float64(k))
		}
	}
	return all
}()

// spectrum is the complex amplitude at each of bins.
type spectrum [tones]complex128

// goertzel analyses one hop of audio. The phases are those at its end. Four
// recurrences run side by side: each waits for its own previous step only.
func goertzel(x []int16, s *spectrum) {
	for i := 0; i < tones; i += 4 {
		c0, c1, c2, c3 := bins[i].coefficient, bins[i+1].coefficient, bins[i+2].coefficient, bins[i+3].coefficient
		var a0, a1, a2, a3, b0, b1, b2, b3 float64
		for _, v := range x {
			f := float64(v)
			a0, b0 = f+c0*a0-b0, a0
			a1, b1 = f+c1*a1-b1, a1
			a2, b2 = f+c2*a2-b2, a2
			a3, b3 = f+c3*a3-b3, a3
		}
		s[i] = complex(a0, 0) - bins[i].tail*complex(b0, 0)
		s[i+1] = complex(a1, 0) - bins[i+1].tail*complex(b1, 0)
		s[i+2] = complex(a2, 0) - bins[i+2].tail*complex(b2, 0)
		s[i+3] = complex(a3, 0) - bins[i+3].tail*complex(b3, 0)
	}
}

// energy is the sum of the squares of the samples.
func energy(x []int16) float64 {
	sum := int64(0)
	for _, v := range x {
		sum += int64(v) * int64(v)
	}
	return float64(sum)
}

// power is the squared magnitude of c.
func power(c complex128) float64 { return real(c)*real(c) + imag(c)*imag(c) }
