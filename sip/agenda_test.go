package sip

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestAgenda keeps appointments in their order, at their times, whichever are
// cancelled.
func TestAgenda(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		delays := rapid.SliceOfN(rapid.IntRange(0, 50), 1, 20).Draw(r, "delays")
		cancelled := rapid.SliceOfN(rapid.Bool(), len(delays), len(delays)).Draw(r, "cancelled")

		synctest.Test(t, func(*testing.T) {
			var (
				a         agenda
				got, want []int
				start     = time.Now()
			)

			for i, delay := range delays {
				x := a.after(time.Duration(delay)*time.Second, func() {
					if passed := time.Since(start); passed != time.Duration(delay)*time.Second {
						r.Errorf("due after %v, want %d s", passed, delay)
					}

					got = append(got, delay)
				})
				if cancelled[i] {
					a.cancel(x)
					a.cancel(x)
				} else {
					want = append(want, delay)
				}
			}

			for len(got) < len(want) {
				a.due(<-a.c())
			}

			slices.Sort(want)

			if !slices.Equal(got, want) {
				r.Errorf("due in the order %v, want %v", got, want)
			}

			a.after(time.Second, func() { r.Error("forgotten, and due") })
			a.clear()

			if a.c() != nil {
				select {
				case <-a.c():
					r.Error("an empty agenda is due")
				case <-time.After(time.Hour):
				}
			}
		})
	})
}
