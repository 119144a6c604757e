package vad

import (
	"testing"

	"pgregory.net/rapid"
)

// aging is lows by the plain rule: every value has an age that grows with each
// frame.
type aging struct {
	values, ages []int
}

func (a *aging) add(x int) {
	for i := 0; i < len(a.ages); i++ {
		if a.ages[i] != oldest {
			a.ages[i]++
			continue
		}
		a.values = append(append(a.values[:i:i], a.values[i+1:]...), none)
		a.ages = append(append(a.ages[:i:i], a.ages[i+1:]...), oldest+1)
	}
	for i, v := range a.values {
		if x < v {
			a.values = append(append(a.values[:i:i], x), a.values[i:lowest-1]...)
			a.ages = append(append(a.ages[:i:i], 1), a.ages[i:lowest-1]...)
			return
		}
	}
}

// What is skipped while nothing is too old changes no value.
func TestLowsAgeAsByThePlainRule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := newLows()
		plain := aging{values: make([]int, lowest), ages: make([]int, lowest)}
		for i := range plain.values {
			plain.values[i], plain.ages[i] = none, oldest+1
		}
		for n := range rapid.IntRange(1, 8).Draw(t, "stretches") {
			x, step := rapid.IntRange(0, 2000).Draw(t, "x"), rapid.IntRange(-3, 3).Draw(t, "step")
			for range rapid.IntRange(1, 150).Draw(t, "frames") {
				x = min(max(x+step, 0), 3000)
				l.add(int16(x), n)
				plain.add(x)
				for i, v := range plain.values {
					if int(l.values[i]) != v {
						t.Fatalf("frame %d: value %d is %d, want %d", l.frame, i, l.values[i], v)
					}
				}
			}
		}
	})
}
