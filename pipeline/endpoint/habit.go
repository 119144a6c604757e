package endpoint

import (
	"math"
	"slices"
	"time"
)

// Habit is how one caller pauses within turns, learnt from the latest pauses.
// The zero value is a caller of whom nothing is known: it pauses like most.
type Habit struct {
	pauses [remembered]time.Duration
	n      int // pauses so far
}

// remembered is how many pauses count. The caller of ten minutes ago was less
// at ease.
const remembered = 16

// usual are the pauses of a caller of whom nothing is known yet: quintiles of
// those that people make within a turn and that are long enough to be noticed.
var usual = [...]time.Duration{
	280 * time.Millisecond, 400 * time.Millisecond, 540 * time.Millisecond, 740 * time.Millisecond, 1200 * time.Millisecond,
}

// noticed is the shortest silence that ends a talkspurt.
const noticed = 200 * time.Millisecond

// Pause learns from a silence after which the same turn went on.
func (h *Habit) Pause(d time.Duration) {
	if d < noticed {
		return
	}
	h.pauses[h.n%remembered] = d
	h.n++
}

// Known is how many pauses were learnt from.
func (h *Habit) Known() int { return min(h.n, remembered) }

// quantile is the pause that a caller of this habit stays below four times in
// five: what was usual of all callers and what this one did, together.
const quantile = 0.8

// Long is how long this caller's long pauses are: four in five are shorter.
func (h *Habit) Long() time.Duration {
	var all [remembered + len(usual)]time.Duration
	n := copy(all[:], usual[:])
	n += copy(all[n:], h.pauses[:h.Known()])
	slices.Sort(all[:n])
	at := quantile * float64(n-1)
	i := int(at)

	return all[i] + time.Duration((at-float64(i))*float64(all[min(i+1, n-1)]-all[i]))
}

// sharpness is how much wider apart the odds of the weights are taken than they
// are. The weights are timid, since few turns made them. It was chosen on the
// turns for training: 1.6 lowers the mean dead air there from 511 to 441 ms, at 5 %
// cut off.
const sharpness = 1.6

// scale is the time that one unit of the logarithm of the odds is worth: in it a
// silence becomes e times less likely to be a pause, times the sharpness. Pauses
// beyond the least that is noticed are exponentially distributed, nearly.
func (h *Habit) scale() time.Duration {
	beyond := float64(h.Long()-noticed) / -math.Log(1-quantile)

	return min(max(time.Duration(sharpness*beyond), 160*time.Millisecond), 1300*time.Millisecond)
}
