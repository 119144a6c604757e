package breaker

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return start.Add(d) }

func try(t *testing.T, b *Breaker, now time.Time) *Attempt {
	t.Helper()
	a, ok := b.Try(now)
	if !ok {
		t.Fatalf("no leave at %v, the breaker is %s until %v", now.Sub(start), b.State(now), b.Until())
	}

	return a
}

func refuses(t *testing.T, b *Breaker, now time.Time) {
	t.Helper()
	if _, ok := b.Try(now); ok {
		t.Fatalf("leave at %v", now.Sub(start))
	}
}

func TestThreeFailuresOpenItAndATrialClosesIt(t *testing.T) {
	t.Parallel()
	b := New(Config{})
	for i := range 3 {
		try(t, b, at(time.Duration(i)*time.Second)).Fail(at(time.Duration(i)*time.Second), 0)
	}
	refuses(t, b, at(3*time.Second))
	refuses(t, b, at(6999*time.Millisecond))
	trial := try(t, b, at(7*time.Second))
	refuses(t, b, at(7*time.Second)) // one trial at a time
	trial.Succeed()
	if s := b.State(at(7 * time.Second)); s != Closed {
		t.Fatalf("%s after a good trial", s)
	}
}

func TestFailuresFarApartDoNotOpenIt(t *testing.T) {
	t.Parallel()
	b := New(Config{})
	for i := range 20 {
		now := at(time.Duration(i) * 16 * time.Second)
		try(t, b, now).Fail(now, 0)
	}
}

func TestCoolDownDoublesToItsLongest(t *testing.T) {
	t.Parallel()
	b := New(Config{Failures: 1, CoolDown: 5 * time.Second, Longest: 15 * time.Second})
	now := start
	try(t, b, now).Fail(now, 0)
	for _, want := range []time.Duration{5 * time.Second, 10 * time.Second, 15 * time.Second, 15 * time.Second} {
		if got := b.Until().Sub(now); got != want {
			t.Fatalf("it rests for %v, want %v", got, want)
		}
		now = b.Until()
		try(t, b, now).Fail(now, 0)
	}
}

func TestTheProvidersOwnWaitIsKept(t *testing.T) {
	t.Parallel()
	b := New(Config{})
	try(t, b, start).Fail(start, 40*time.Second)
	refuses(t, b, at(39*time.Second))
	try(t, b, at(40*time.Second))
}

func TestAnAbandonedTrialMakesRoomForTheNext(t *testing.T) {
	t.Parallel()
	b := New(Config{Failures: 1})
	try(t, b, start).Fail(start, 0)
	a := try(t, b, at(5*time.Second))
	a.Abandon()
	a.Fail(at(5*time.Second), 0) // it was given back
	try(t, b, at(5*time.Second)).Succeed()
}

func TestLateOutcomesOfAnEarlierRoundDoNotCount(t *testing.T) {
	t.Parallel()
	b := New(Config{Failures: 1})
	late := try(t, b, start)
	try(t, b, start).Fail(start, 0)
	late.Succeed()
	refuses(t, b, at(time.Second))
	trial := try(t, b, at(5*time.Second))
	trial.Succeed()
	late.Fail(at(6*time.Second), 0)
	try(t, b, at(6*time.Second))
}

// Whatever happens, a provider gets a trial once its cool-down is over, and
// never two trials at a time.
func TestItAlwaysComesBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := New(Config{Failures: rapid.IntRange(1, 4).Draw(t, "failures")})
		now := start
		var open []*Attempt
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond)
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				before := b.State(now)
				a, ok := b.Try(now)
				if ok && before == Open {
					t.Fatal("leave while open")
				}
				if ok {
					open = append(open, a)
				}
			case 1:
				if len(open) > 0 {
					open[0].Succeed()
					open = open[1:]
				}
			case 2:
				if len(open) > 0 {
					open[0].Fail(now, time.Duration(rapid.IntRange(0, 60).Draw(t, "wait"))*time.Second)
					open = open[1:]
				}
			case 3:
				if len(open) > 0 {
					open[0].Abandon()
					open = open[1:]
				}
			}
			trials := 0
			for _, a := range open {
				if a.trial && a.round == b.round {
					trials++
				}
			}
			if trials > 1 {
				t.Fatalf("%d trials at a time", trials)
			}
		}
		for _, a := range open {
			a.Abandon()
		}
		if u := b.Until(); !u.IsZero() {
			now = u
		}
		if _, ok := b.Try(now); !ok {
			t.Fatalf("no leave after the cool-down: %s", b.State(now))
		}
	})
}
