package clock_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"trunkline/media/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const period = 20 * time.Millisecond

// tick is a Ticker made of a function.
type tick func(now time.Time)

func (f tick) Tick(now time.Time) { f(now) }

// start runs a clock until the test ends.
func start(t *testing.T, shards int) *clock.Clock {
	t.Helper()
	c := clock.New(clock.Options{Shards: shards})
	if err := c.Start(); err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(c.Stop)
	return c
}

// recorder keeps the times of its ticks.
type recorder struct {
	times []time.Time
	stall map[int]time.Duration // by tick: how long it takes
}

func (r *recorder) Tick(now time.Time) {
	r.times = append(r.times, now)
	time.Sleep(r.stall[len(r.times)-1])
}

// offsets is the times of the ticks after the first one.
func (r *recorder) offsets() []time.Duration {
	var out []time.Duration
	for _, at := range r.times {
		out = append(out, at.Sub(r.times[0]))
	}
	return out
}

func TestThirtyMinutesDoNotDrift(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const ticks = 90_000
		c := start(t, 1)
		n := 0
		var first, last time.Time
		remove := c.Add(tick(func(now time.Time) {
			if n == 0 {
				first = now
			}
			if due := first.Add(time.Duration(n) * period); !now.Equal(due) {
				t.Fatalf("tick %d is %v off its deadline", n, now.Sub(due))
			}
			n++
			last = now
			time.Sleep(3 * time.Millisecond) // work does not shift the schedule
		}))
		time.Sleep(ticks*period - time.Millisecond)
		remove()
		if n != ticks {
			t.Errorf("%d ticks in 30 minutes, want %d", n, ticks)
		}
		if got, want := last.Sub(first), (ticks-1)*period; got != want {
			t.Errorf("the last tick came %v after the first, want %v", got, want)
		}
		if s := c.Stats(); s.Late+s.Skipped != 0 || s.Ticks != ticks {
			t.Errorf("stats %+v, want %d ticks, none late or skipped", s, ticks)
		}
	})
}

func TestStall(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, tt := range map[string]struct {
		stall   time.Duration
		want    []time.Duration // of the first ticks after the one that stalls, at 0
		skipped uint64
	}{
		"none": {
			stall: 19 * ms,
			want:  []time.Duration{0, 20 * ms, 40 * ms, 60 * ms},
		},
		"two missed": {
			stall: 50 * ms,
			want:  []time.Duration{0, 50 * ms, 50 * ms, 60 * ms, 80 * ms},
		},
		"five missed": {
			stall: 119 * ms,
			want:  []time.Duration{0, 119 * ms, 119 * ms, 119 * ms, 119 * ms, 119 * ms, 120 * ms, 140 * ms},
		},
		"seven missed and one due": {
			stall:   165 * ms,
			want:    []time.Duration{0, 165 * ms, 165 * ms, 165 * ms, 165 * ms, 165 * ms, 165 * ms, 180 * ms, 200 * ms},
			skipped: 2,
		},
		"ten seconds": {
			stall:   10*time.Second + 5*ms,
			want:    []time.Duration{0, 10005 * ms, 10005 * ms, 10005 * ms, 10005 * ms, 10005 * ms, 10005 * ms, 10020 * ms},
			skipped: 494,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := start(t, 1)
				r := &recorder{stall: map[int]time.Duration{0: tt.stall}}
				remove := c.Add(r)
				time.Sleep(12 * time.Second)
				remove()
				if d := cmp.Diff(tt.want, r.offsets()[:len(tt.want)]); d != "" {
					t.Errorf("ticks (-want +got):\n%s", d)
				}
				if s := c.Stats(); s.Skipped != tt.skipped {
					t.Errorf("skipped %d, want %d", s.Skipped, tt.skipped)
				}
			})
		})
	}
}

func TestCallsAreSpreadOverThePeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const calls, shards, phases = 500, 2, 10
		c := start(t, shards)
		at := map[time.Duration]*atomic.Int64{}
		origin := time.Now()
		for i := range shards * phases {
			at[time.Duration(i)*time.Millisecond] = new(atomic.Int64)
		}
		var removes []func()
		for range calls {
			removes = append(removes, c.Add(tick(func(now time.Time) {
				n := at[now.Sub(origin)%period]
				if n == nil {
					t.Errorf("tick at %v, between phases", now.Sub(origin))
					return
				}
				n.Add(1)
			})))
		}
		if n := c.Stats().Tickers; n != calls {
			t.Errorf("%d tickers, want %d", n, calls)
		}
		time.Sleep(5*period - time.Millisecond/2)
		for _, remove := range removes {
			remove()
		}
		for phase, n := range at {
			want := int64(5 * calls / shards / phases)
			got := n.Load()
			if phase == 0 && got >= want*4/5 {
				continue // some were added after the first deadline, at the start
			}
			if got != want {
				t.Errorf("%d ticks at phase %v, want %d", got, phase, want)
			}
		}
		if n := c.Stats().Tickers; n != 0 {
			t.Errorf("%d tickers after all were removed", n)
		}
	})
}

func TestAddedLaterTicksFromItsNextDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := start(t, 1)
		stalls := &recorder{stall: map[int]time.Duration{10: 90 * time.Millisecond}}
		defer c.Add(stalls)()
		time.Sleep(10*period + 85*time.Millisecond) // late in the stall
		late := &recorder{}
		added := time.Now()
		remove := c.Add(late)
		time.Sleep(time.Second)
		remove()
		// It got the second phase, 2 ms after the first.
		for i, at := range late.times {
			if want := 17*time.Millisecond + time.Duration(i)*period; at.Sub(added) != want {
				t.Errorf("tick %d came %v after Add, want %v", i, at.Sub(added), want)
			}
		}
		if n := len(late.times); n != 50 {
			t.Errorf("%d ticks in a second, want 50", n)
		}
	})
}

func TestIdleClockGoesOnWhenACallComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := start(t, 3)
		time.Sleep(time.Hour)
		r := &recorder{}
		added := time.Now()
		remove := c.Add(r)
		time.Sleep(time.Second)
		remove()
		if n := len(r.times); n < 49 || n > 51 {
			t.Errorf("%d ticks in the first second, want 50", n)
		}
		if d := r.times[0].Sub(added); d > period {
			t.Errorf("the first tick came %v after Add", d)
		}
		if s := c.Stats(); s.Skipped+s.Late != 0 {
			t.Errorf("stats %+v after an idle hour, want none late or skipped", s)
		}
	})
}

func TestAddedBeforeStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(clock.Options{Shards: 1})
		r := &recorder{}
		remove := c.Add(r)
		time.Sleep(time.Minute)
		if err := c.Start(); err != nil {
			t.Fatalf("Start: %v", err)
		}
		time.Sleep(period + period/2)
		remove()
		c.Stop()
		if len(r.times) != 2 {
			t.Errorf("%d ticks, want 2", len(r.times))
		}
	})
}

func TestRemoveWaitsForTheRunningTick(t *testing.T) {
	t.Parallel()
	c := start(t, 1)
	begun, finish := make(chan struct{}), make(chan struct{})
	var ended atomic.Bool
	remove := c.Add(tick(func(time.Time) {
		close(begun)
		<-finish
		ended.Store(true)
	}))
	<-begun
	removed := make(chan bool)
	go func() {
		remove()
		removed <- ended.Load()
	}()
	select {
	case <-removed:
		t.Fatal("remove returned while the Tick ran")
	case <-time.After(10 * time.Millisecond):
	}
	close(finish)
	if !<-removed {
		t.Error("remove returned before the Tick")
	}
}

func TestRemoveWithinTick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := start(t, 2)
		var self, a, b func()
		ready := make(chan struct{})
		ticks := 0
		self = c.Add(tick(func(time.Time) {
			<-ready
			ticks++
			self()
			self()
		}))
		// Two that remove each other, in two shards.
		a = c.Add(tick(func(time.Time) { <-ready; b() }))
		b = c.Add(tick(func(time.Time) { <-ready; a() }))
		close(ready)
		time.Sleep(time.Second)
		self()
		if ticks != 1 {
			t.Errorf("%d ticks after remove in the first one, want 1", ticks)
		}
		if n := c.Stats().Tickers; n > 1 {
			t.Errorf("%d tickers are left", n)
		}
		a()
		b()
	})
}

func TestNoTickAfterRemove(t *testing.T) {
	t.Parallel()
	c := start(t, 2)
	done := make(chan struct{})
	for range 50 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 20 {
				var removed atomic.Bool
				remove := c.Add(tick(func(time.Time) {
					if removed.Load() {
						t.Error("Tick after remove")
					}
				}))
				time.Sleep(time.Millisecond)
				remove()
				removed.Store(true)
			}
		}()
	}
	for range 50 {
		<-done
	}
	if n := c.Stats().Tickers; n != 0 {
		t.Errorf("%d tickers are left", n)
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	c := clock.New(clock.Options{})
	if err := c.Start(); err != nil {
		t.Fatalf("Start: %v", err)
	}
	if err := c.Start(); err == nil {
		t.Error("second Start gives no error")
	}
	c.Stop()
	c.Stop()
	if err := c.Start(); err == nil {
		t.Error("Start after Stop gives no error")
	}
	c.Add(tick(func(time.Time) { t.Error("Tick after Stop") }))()
	unstarted := clock.New(clock.Options{})
	unstarted.Stop()
}

func TestStats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := start(t, 1)
		if got := c.Stats().Percentile(0.99); got != 0 {
			t.Errorf("percentile of nothing is %v", got)
		}
		r := &recorder{stall: map[int]time.Duration{50: 45 * time.Millisecond}}
		time.Sleep(3 * time.Millisecond) // away from any deadline, so that the first tick is the next one
		remove := c.Add(r)
		time.Sleep(100*period - time.Millisecond)
		remove()
		s := c.Stats()
		// Tick 51 is 25 ms late, tick 52 5 ms; the others are on time.
		if s.Ticks != 100 || s.Late != 1 || s.Skipped != 0 || s.Max != 25*time.Millisecond || s.Sum != 30*time.Millisecond {
			t.Errorf("stats %+v", s)
		}
		for q, want := range map[float64]time.Duration{0.5: 100 * time.Microsecond, 0.99: 5 * time.Millisecond, 1: 25 * time.Millisecond} {
			if got := s.Percentile(q); got != want {
				t.Errorf("Percentile(%v) = %v, want %v", q, got, want)
			}
		}
	})
}

func BenchmarkClock500(b *testing.B) {
	c := clock.New(clock.Options{Shards: 2})
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	defer c.Stop()
	for range 500 {
		defer c.Add(tick(func(now time.Time) {
			for time.Since(now) < 10*time.Microsecond {
			}
		}))()
	}
	for b.Loop() {
		time.Sleep(period)
	}
	s := c.Stats()
	b.ReportMetric(float64(s.Percentile(0.5).Microseconds()), "p50-µs")
	b.ReportMetric(float64(s.Percentile(0.99).Microseconds()), "p99-µs")
	b.ReportMetric(float64(s.Max.Microseconds()), "max-µs")
	b.ReportMetric(float64(s.Skipped), "skipped")
}
