package scene

import (
	"math"
	"math/rand/v2"
	"time"
)

// Path is a dispersive echo path after ITU-T G.168: a band-limited response
// that rings for some 20 ms, of unit energy.
func Path(seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed+30, 2))
	h := make([]float32, 160)
	for i := range h {
		if r.IntN(3) > 0 {
			continue // a third of the taps is work enough
		}
		h[i] = float32(r.NormFloat64() * math.Exp(-float64(i)/40))
		if i < 8 {
			h[i] *= float32(i) / 8
		}
	}
	e := math.Sqrt(Energy(h))
	for i := range h {
		h[i] /= float32(e)
	}
	return h
}

// Echoed is far late by d and down by erl dB through path h.
func Echoed(far, h []float32, d time.Duration, erl float64) []float32 {
	out := make([]float32, len(far))
	at := Samples(d)
	for j, c := range h {
		if c == 0 {
			continue
		}
		for i, x := range far[:max(0, len(far)-at-j)] {
			out[at+j+i] += c * x
		}
	}
	// The loss is that of the whole signal.
	g := float32(math.Sqrt(Energy(far[:len(far)-at])/(Energy(out)+1)) * math.Pow(10, -erl/20))
	for i := range out {
		out[i] *= g
	}
	return out
}

// Clipping is a loudspeaker that cannot play more than peak, as a share of
// full scale, and bends what comes near it.
func Clipping(peak float64) func(float32) float32 {
	limit := float64(32768 * peak)
	return func(x float32) float32 {
		return float32(limit * math.Tanh(float64(x)/limit))
	}
}
