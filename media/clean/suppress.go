package clean

import (
	"math"

	"trunkline/media"
)

// Tuning of the suppressor.
const (
	floor      = 0.1   // least gain: noise is lowered by 20 dB at most
	priorKeep  = 0.92  // weight of the estimate from the window before
	leastPrior = 0.003 // signal-to-noise ratio of a bin that seems to hold noise alone
)

// suppressor takes the noise out of one talkspurt: the minimum mean square
// error estimate of the log spectrum with a decision-directed signal-to-noise
// ratio (Y. Ephraim and D. Malah, IEEE TASSP 32(6), 1984, and 33(2), 1985). Its
// output is a frame late.
type suppressor struct {
	past  [window]float32 // the latest samples
	spec  spectrum
	clean [bins]float32   // power of the speech in the window before
	sum   [window]float32 // windows that overlap
}

// begin forgets the talkspurt before.
func (s *suppressor) begin() {
	clear(s.past[:])
	clear(s.clean[:])
	clear(s.sum[:])
}

// next takes a frame and gives the one before, cleaned.
func (s *suppressor) next(f *media.Frame, n *noise, out *[media.FrameSamples]float32) {
	for half := range 2 {
		copy(s.past[:], s.past[hop:])
		for i, v := range f[half*hop : (half+1)*hop] {
			s.past[window-hop+i] = float32(v)
		}
		s.spec.of(&s.past)
		s.weigh(n)
		plan().Inverse(s.spec.time[:], s.spec.bin[:], s.spec.work)
		for i := range s.sum {
			s.sum[i] += s.spec.time[i] * shape[i]
		}
		for i, v := range s.sum[:hop] {
			out[half*hop+i] = v / windowSum
		}
		copy(s.sum[:], s.sum[hop:])
		clear(s.sum[window-hop:])
	}
}

// weigh applies each bin's gain.
func (s *suppressor) weigh(n *noise) {
	for k, x := range s.spec.bin {
		p, noise := power(x), max(n.power[k], leastNoise)
		post := min(p/noise, 1e4)
		prior := max(priorKeep*s.clean[k]/noise+(1-priorKeep)*max(post-1, 0), leastPrior)
		wiener := prior / (1 + prior)
		gain := min(max(wiener*logGain(wiener*post), floor), 1)
		s.clean[k] = gain * gain * p
		s.spec.bin[k] = complex(gain*real(x), gain*imag(x))
	}
}

// The table of exp(E1(v)/2), by v in steps of 1/tableSteps.
const (
	tableSteps = 64
	tableEnd   = 8 // from there it is 1
)

var gains = func() (t [tableEnd*tableSteps + 1]float32) {
	for i := range t {
		t[i] = float32(math.Exp(expInt(max(float64(i), 0.25)/tableSteps) / 2))
	}
	return t
}()

func logGain(v float32) float32 {
	at := v * tableSteps
	if at >= tableEnd*tableSteps {
		return 1
	}
	i := int(at)
	return gains[i] + (at-float32(i))*(gains[i+1]-gains[i])
}

// expInt is the exponential integral E1 for 0 < x <= 8, by its power series
// (Abramowitz and Stegun 5.1.11).
func expInt(x float64) float64 {
	const euler = 0.57721566490153286
	sum, term := -euler-math.Log(x), 1.0
	for k := 1.0; k < 60; k++ {
		term *= -x / k
		sum -= term / k
	}
	return sum
}
