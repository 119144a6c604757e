package bench

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// sample is a set of measured durations.
type sample []time.Duration

// quantile is by nearest rank, 0 < q <= 1; false when there is nothing.
func (s sample) quantile(q float64) (time.Duration, bool) {
	if len(s) == 0 {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(s))
	rank := int(math.Ceil(q * float64(len(sorted))))

	return sorted[min(max(rank, 1), len(sorted))-1], true
}

// ms prints a quantile in milliseconds, and a dash when there is none.
func (s sample) ms(q float64) string {
	d, ok := s.quantile(q)
	if !ok {
		return "–"
	}

	return milliseconds(d)
}

// fine is ms to a hundredth of a millisecond.
func (s sample) fine(q float64) string {
	d, ok := s.quantile(q)
	if !ok {
		return "–"
	}

	return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000)
}

// milliseconds prints a duration to a tenth of a millisecond.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000)
}

// median of figures; 0 when there are none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)

	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// spread is the least and the greatest of figures.
func spread(values []float64) (least, greatest float64) {
	if len(values) == 0 {
		return 0, 0
	}

	return slices.Min(values), slices.Max(values)
}
