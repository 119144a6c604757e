package tone

import (
	"math"

	"trunkline/media"
)

const (
	// floor is the power below which a frame is silent: -45 dBm0. Fax tones
	// are to be taken down to -43 dBm0 (ITU-T T.30).
	floor = media.ZeroDBm0 * 3.2e-5

	// pure is the share of a frame's power that makes it a single tone: the
	// noise may be 6 dB below it.
	pure = 0.8

	half = media.FrameSamples / 2
)

// sound is what one frame holds.
type sound struct {
	energy float64 // sum of the squares
	low    bool    // most of it lies below 800 Hz
	hertz  float64 // of the single tone; 0: there is none
}

// listen analyses a frame that is not silent. One pass gives the autocorrelation
// at lags 1 and 2, and with it by Pisarenko's method the frequency that a single tone would
// have; a second one, by Goertzel's algorithm, how much of the power is really
// there, and by the phase between the two halves of the frame the frequency
// to 1 Hz.
func listen(f *media.Frame) (s sound) {
	s.energy = energy(f)
	if s.energy < floor*media.FrameSamples {
		return s
	}
	var r1, r2 int64
	a, b := int64(0), int64(0) // the two samples before
	for _, v := range f {
		x := int64(v)
		r1 += x * a
		r2 += x * b
		a, b = x, a
	}
	one := float64(r1) * media.FrameSamples / (media.FrameSamples - 1)
	two := float64(r2) * media.FrameSamples / (media.FrameSamples - 2)
	s.low = one > 0.8*s.energy
	if one == 0 {
		return s
	}
	// cos ω of a sine in white noise.
	c := (two + math.Sqrt(two*two+8*one*one)) / (4 * one)
	if c <= -1 || c >= 1 {
		return s
	}
	first, second := goertzel(f, c)
	if (power(first)+power(second))*2/half < pure*s.energy {
		return s
	}
	w := math.Acos(c)
	turned := second * conj(first)
	angle := math.Atan2(imag(turned), real(turned)) - w*half
	angle -= 2 * math.Pi * math.Round(angle/(2*math.Pi))
	s.hertz = (w + angle/half) / (2 * math.Pi) * media.SampleRate
	return s
}

// energy is the sum of f's squares, each of which fits 31 bits.
func energy(f *media.Frame) float64 {
	var even, odd uint64 // side by side
	for i := 0; i < len(f); i += 2 {
		x, y := int32(f[i]), int32(f[i+1])
		even += uint64(uint32(x * x))
		odd += uint64(uint32(y * y))
	}
	return float64(even + odd)
}

// goertzel is the complex amplitude of each half of f at the frequency whose
// cosine is c, with the phase at the end of the half.
func goertzel(f *media.Frame, c float64) (first, second complex128) {
	k := 2 * c
	var a0, a1, b0, b1 float64
	for i := range half {
		a0, b0 = float64(f[i])+k*a0-b0, a0
		a1, b1 = float64(f[half+i])+k*a1-b1, a1
	}
	s := math.Sqrt(1 - c*c)
	return complex(a0-c*b0, s*b0), complex(a1-c*b1, s*b1)
}

func power(c complex128) float64 { return real(c)*real(c) + imag(c)*imag(c) }

func conj(c complex128) complex128 { return complex(real(c), -imag(c)) }
