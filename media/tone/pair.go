package tone

import (
	"math"
	"math/cmplx"

	"trunkline/media"
)

// pairSpan is how many frames a pair of tones is looked for in: 60 ms, which
// tells 440 from 480 Hz.
const pairSpan = 3

// pairShare is the share of the power that a pair has, and loneShare the share
// that each of its tones has. Tones 1 % off keep two thirds of theirs.
const pairShare, loneShare = 0.55, 0.1

// The tones of North America's pairs.
const (
	hz440 = iota
	hz480
	hz620
	pairTones
)

// pitch is what Goertzel's algorithm needs to know of one frequency.
type pitch struct {
	coefficient float64
	tail        complex128           // e^-jω
	age         [pairSpan]complex128 // brings the phase of i frames ago to now
}

var pitches = func() (all [pairTones]pitch) {
	for i, hertz := range [pairTones]float64{440, 480, 620} {
		w := 2 * math.Pi * hertz / media.SampleRate
		all[i] = pitch{coefficient: 2 * math.Cos(w), tail: cmplx.Rect(1, -w)}
		for k := range all[i].age {
			all[i].age[k] = cmplx.Rect(1, w*media.FrameSamples*float64(k))
		}
	}
	return all
}()

// pairs follows the pairs of tones over pairSpan frames.
type pairs struct {
	ring   [pairSpan][pairTones]complex128
	energy [pairSpan]float64
	at     int
}

// step takes a frame and returns the pattern that its pair belongs to.
func (p *pairs) step(f *media.Frame, s *sound) pattern {
	p.at = (p.at + 1) % pairSpan
	p.energy[p.at] = s.energy
	p.ring[p.at] = [pairTones]complex128{}
	if s.low {
		var a0, a1, a2, b0, b1, b2 float64
		c0, c1, c2 := pitches[0].coefficient, pitches[1].coefficient, pitches[2].coefficient
		for _, v := range f {
			x := float64(v)
			a0, b0 = x+c0*a0-b0, a0
			a1, b1 = x+c1*a1-b1, a1
			a2, b2 = x+c2*a2-b2, a2
		}
		p.ring[p.at] = [pairTones]complex128{
			complex(a0, 0) - pitches[0].tail*complex(b0, 0),
			complex(a1, 0) - pitches[1].tail*complex(b1, 0),
			complex(a2, 0) - pitches[2].tail*complex(b2, 0),
		}
	}
	total := p.energy[0] + p.energy[1] + p.energy[2]
	if total < floor*media.FrameSamples {
		return none
	}
	var shares [pairTones]float64
	for i := range shares {
		sum := complex128(0)
		for k := range pairSpan {
			sum += p.ring[(p.at+pairSpan-k)%pairSpan][i] * pitches[i].age[k]
		}
		shares[i] = power(sum) * 2 / (pairSpan * media.FrameSamples) / total
	}
	switch {
	case isPair(shares[hz480], shares[hz620]):
		return pairBusy
	case isPair(shares[hz440], shares[hz480]):
		return pairRing
	default:
		return none
	}
}

func isPair(a, b float64) bool { return min(a, b) > loneShare && a+b > pairShare }
