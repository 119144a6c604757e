package clock_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// wanderer asks for its ticks to move.
type wanderer struct {
	recorder

	by    []int // what it asks for, in turn
	steps []time.Duration
}

func (w *wanderer) Shift(step time.Duration) int {
	w.steps = append(w.steps, step)
	if len(w.by) == 0 {
		return 0
	}
	by := w.by[0]
	w.by = w.by[1:]
	return by
}

// A Ticker's ticks move by one phase after every fifth, all the way round, and
// those of others do not; none is missed or doubled.
func TestTicksMoveWhenAsked(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		by   []int
		want time.Duration // of the last tick, against one that stays
	}{
		"earlier":       {[]int{-1, -1, -1}, -6 * time.Millisecond},
		"later":         {[]int{1, 1, 0, 1}, 6 * time.Millisecond},
		"round":         {[]int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 24 * time.Millisecond},
		"round and off": {[]int{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1}, -20 * time.Millisecond},
		"far too much":  {[]int{-7, 100}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := start(t, 1)
				steady, moving := &recorder{}, &wanderer{by: tt.by}
				removeSteady := c.Add(steady)
				removeMoving := c.Add(moving)
				time.Sleep(100*period - 5*time.Millisecond)
				removeSteady()
				removeMoving()
				if len(moving.times) < 98 || len(moving.steps) != len(moving.times)/5 {
					t.Fatalf("%d ticks, asked %d times", len(moving.times), len(moving.steps))
				}
				for i := 1; i < len(moving.times); i++ {
					d := moving.times[i].Sub(moving.times[i-1])
					moves := i%5 == 0
					if off := (d - period).Abs(); off > 2*time.Millisecond || off != 0 && !moves {
						t.Errorf("tick %d came %v after the one before", i, d)
					}
				}
				const n = 90
				if got := moving.times[n].Sub(moving.times[0]) - n*period; got != tt.want {
					t.Errorf("the ticks moved by %v, want %v", got, tt.want)
				}
				for i, at := range steady.offsets() {
					if want := time.Duration(i) * period; at != want {
						t.Fatalf("tick %d of one that stays was due after %v and came after %v", i, want, at)
					}
				}
			})
		})
	}
}
