package cn

import "math"

// order is how many reflection coefficients are heeded. RFC 3389 sets no
// bound; senders give up to 12.
const order = 12

// Noise describes the noise of one comfort noise packet. The zero value is
// silence.
type Noise struct {
	amplitude  float32        // root mean square
	excitation float32        // that of the white noise which the filter makes it from
	reflection [order]float32 // of the all-pole lattice filter, -1 to 1 exclusive
}

// Parse reads a comfort noise payload: the level in -dBov, then any number of
// reflection coefficients (RFC 3389 section 3). It reports false for an empty
// payload and for a level out of range.
func Parse(payload []byte) (n Noise, ok bool) {
	const quietest = 127
	if len(payload) == 0 || payload[0] > quietest {
		return n, false
	}
	n.amplitude = float32(32768 * math.Pow(10, -float64(payload[0])/20))
	residue := 1.0
	for i, b := range payload[1:min(len(payload), 1+order)] {
		// 255 is not used; it would make the filter unstable.
		k := float64(258*(int(min(b, 254))-127)) / 32768
		n.reflection[i] = float32(k)
		residue *= 1 - k*k
	}
	n.excitation = n.amplitude * float32(math.Sqrt(residue))
	return n, true
}

// Generator makes noise without seams from one Noise to the next. Its zero
// value is ready.
type Generator struct {
	seed       uint32
	excitation float32 // the present one; it follows the noise's
	backward   [order]float32
}

// Fill fills dst with noise as n describes it.
func (g *Generator) Fill(dst []int16, n *Noise) {
	const (
		smoothing = 1.0 / 64 // of the level: 8 ms
		uniform   = 1.7320508 / (1 << 31)
	)
	if n.amplitude == 0 && g.excitation < 1 {
		*g = Generator{seed: g.seed}
		clear(dst)
		return
	}
	for i := range dst {
		g.excitation += (n.excitation - g.excitation) * smoothing
		g.seed = g.seed*1664525 + 1013904223
		s := float32(int32(g.seed)) * uniform * g.excitation
		dst[i] = int16(max(-32768, min(g.filter(s, n), 32767)))
	}
}

// filter is one step of the all-pole lattice 1/A(z), with A's reflection
// coefficients.
func (g *Generator) filter(s float32, n *Noise) float32 {
	for i := order - 1; i >= 0; i-- {
		k := n.reflection[i]
		s -= k * g.backward[i]
		if i+1 < order {
			g.backward[i+1] = g.backward[i] + k*s
		}
	}
	g.backward[0] = s
	return s
}
