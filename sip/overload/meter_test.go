package overload

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var used time.Duration

		m := New(0.8)
		m.cores, m.used = 2, func() time.Duration { return used }

		// run uses a share of both processors for a while.
		run := func(share float64, d time.Duration) {
			for range d / every {
				time.Sleep(every)

				used += time.Duration(share * 2 * float64(every))
				m.Load()
			}
		}

		run(0.5, 10*time.Second)

		if m.Busy() || m.Load() < 0.45 || m.Load() > 0.55 {
			t.Errorf("load %.2f of half", m.Load())
		}

		run(1, every)

		if m.Busy() {
			t.Error("half a second of full load is overload")
		}

		run(1, 3*time.Second)

		if !m.Busy() {
			t.Errorf("three seconds of full load are none: %.2f", m.Load())
		}

		run(0.2, 3*time.Second)

		if m.Busy() {
			t.Errorf("load %.2f after it", m.Load())
		}
	})
}

// TestProcessorTime: the kernel's count rises with work.
func TestProcessorTime(t *testing.T) {
	t.Parallel()

	before, sum := processorTime(), 0
	for sum == 0 || processorTime() == before {
		for i := range 100000 {
			sum += i
		}
	}

	if processorTime() < before {
		t.Error("time ran back")
	}
}
