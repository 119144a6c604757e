package sim

import "trunkline/media/stretch"

// tempoStep is how much speech is taken between two looks at the tempo.
const tempoStep = 80

// tempo makes speech faster (rate above 1) or slower at the same pitch.
func tempo(x []int16, rate float64) []int16 {
	if rate == 1 {
		return append([]int16(nil), x...)
	}
	// What stretch needs around the place that it changes.
	const around = 2*stretch.MaxLag + 120 + 2*stretch.Overlap
	var out []int16
	for at := 0; at < len(x); {
		missing := int(float64(at)/rate) - len(out)
		room := at >= stretch.MaxLag && len(x)-at >= around
		switch {
		case room && missing >= stretch.MinLag:
			lag, _ := stretch.Longer(x, at, min(missing, stretch.MaxLag))
			dst := make([]int16, lag+stretch.Overlap)
			stretch.Lengthen(dst, x, at, lag)
			out = append(out, dst...)
			at += stretch.Overlap
		case room && missing <= -stretch.MinLag:
			lag, _ := stretch.Shorter(x[at:], min(-missing, stretch.MaxLag))
			dst := make([]int16, stretch.Overlap)
			stretch.Shorten(dst, x[at:], lag)
			out = append(out, dst...)
			at += stretch.Overlap + lag
		default:
			end := min(at+tempoStep, len(x))
			out = append(out, x[at:end]...)
			at = end
		}
	}

	return out
}
