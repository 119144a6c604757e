package pitch

import "math"

// Search compares the n samples of x that begin at index at with the n that
// begin distance samples from there, for each distance from first to last;
// negative distances look back. All of them must lie within x.
//
// It returns the distance with the greatest normalised cross-correlation, and
// that correlation, -1 to 1. Where either side is all zero it counts as 0.
//
// The search has two passes, as in ITU-T G.711 appendix I: every other distance
// on every other sample first, then the neighbours of the best in full.
func Search(x []int16, at, n, first, last int) (distance int, correlation float64) {
	distance, best := first, math.Inf(-1)
	for d := first; d <= last; d += 2 {
		if c := correlate(x[at:at+n], x[at+d:at+d+n], 2); c > best {
			distance, best = d, c
		}
	}
	middle := distance
	best = math.Inf(-1)
	for d := max(first, middle-1); d <= min(last, middle+1); d++ {
		if c := correlate(x[at:at+n], x[at+d:at+d+n], 1); c > best {
			distance, best = d, c
		}
	}
	return distance, best
}

// correlate is the normalised cross-correlation of every step-th sample.
func correlate(a, b []int16, step int) float64 {
	b = b[:len(a)]
	var product, energyA, energyB int64
	for i := 0; i < len(a); i += step {
		u, v := int64(a[i]), int64(b[i])
		product += u * v
		energyA += u * u
		energyB += v * v
	}
	if energyA == 0 || energyB == 0 {
		return 0
	}
	return float64(product) / math.Sqrt(float64(energyA)*float64(energyB))
}
