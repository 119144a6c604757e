package narrowband

import "math"

// The analysis of Debian's en-us model (its feat.params), and the part of it
// that a telephone channel leaves.
const (
	cepstra     = 13 // coefficients in a static, delta or double-delta vector
	lifter      = 22 // length of the sine lifter
	wideFilters = 25 // mel filters over 130-6800 Hz
	keptFilters = 18 // the lowest of them, up to upperEdge
	lowerEdge   = 130.0
	upperEdge   = 3446.495 // Hz, the mel edge that filter 18 of 25 ends on
)

// residual is the variance, in squared log energy, of what the 13 cepstra of
// the wide band leave undescribed in each filter: for the static, delta and
// double-delta streams. In the narrow band the same 13 coefficients resolve
// finer detail, and so have this much more variance.
var residual = [...]float64{0.2, 0.28, 0.56}

// projection maps the 13 liftered cepstra of the wide filter bank to those of
// its lowest filters.
type projection struct {
	matrix [cepstra][cepstra]float64
	gain   [cepstra]float64 // variance of a coefficient per residual variance of a filter
}

// newProjection keeps the lowest kept of the wideFilters mel filters. When it keeps
// all of them it is the identity: nothing is lost, so nothing is added.
func newProjection(kept int) *projection {
	p := &projection{}
	for i := range cepstra {
		for j := range cepstra {
			var sum float64
			for k := range kept {
				sum += dct(i, k, kept) * dct(j, k, wideFilters)
			}
			p.matrix[i][j] = lift(i) * sum / lift(j)
		}
		if kept < wideFilters {
			p.gain[i] = lift(i) * lift(i) // the DCT's rows have unit length
		}
	}
	return p
}

// mean projects a mean vector in place.
func (p *projection) mean(_ int, vector []float32) {
	var out [cepstra]float64
	for i := range out {
		for j, v := range vector {
			out[i] += p.matrix[i][j] * float64(v)
		}
	}
	for i, v := range out {
		vector[i] = float32(v)
	}
}

// variance projects a diagonal covariance of the given stream in place.
func (p *projection) variance(stream int, vector []float32) {
	var out [cepstra]float64
	for i := range out {
		out[i] = p.gain[i] * residual[stream]
		for j, v := range vector {
			out[i] += p.matrix[i][j] * p.matrix[i][j] * float64(v)
		}
	}
	for i, v := range out {
		vector[i] = float32(v)
	}
}

// dct is element (i, k) of the orthonormal DCT-II of size n, the transform
// that Sphinx calls "dct".
func dct(i, k, n int) float64 {
	scale := math.Sqrt(2 / float64(n))
	if i == 0 {
		scale = math.Sqrt(1 / float64(n))
	}
	return scale * math.Cos(math.Pi*float64(i)*(float64(k)+0.5)/float64(n))
}

// lift is the weight that the sine lifter gives coefficient i.
func lift(i int) float64 {
	return 1 + lifter/2*math.Sin(math.Pi*float64(i)/lifter)
}
