package echo

import (
	"slices"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/echo/scene"
)

// BenchmarkFrame is one frame of a call in which the agent speaks four fifths
// of the time.
func BenchmarkFrame(b *testing.B) {
	quiet := newScene(b, 1, 20*time.Second, 120*time.Millisecond, 12)
	clear(quiet.Echo)
	both := newScene(b, 1, 20*time.Second, 120*time.Millisecond, 12)
	clear(both.Echo)
	both.Near = speech(b, scene.Caller, 2, 20*time.Second, 300*time.Millisecond)
	for _, tt := range []struct {
		name string
		call *scene.Scene
	}{
		{"the agent alone", quiet},                                         // off
		{"both speak throughout", both},                                    // the estimator looks for an echo
		{"echo", newScene(b, 1, 20*time.Second, 120*time.Millisecond, 12)}, // the canceller is at work
	} {
		b.Run(tt.name, func(b *testing.B) {
			x := tt.call.Received()
			near, far := make([]media.Frame, len(x)/block), make([]media.Frame, len(x)/block)
			for i := range near {
				near[i], far[i] = scene.Frame(x, i*block), scene.Frame(tt.call.Far, i*block)
			}
			c := New()
			b.ReportAllocs()
			for i := 0; b.Loop(); i = (i + 1) % len(near) {
				f := near[i]
				c.Process(&f, &far[i], media.Received)
			}
		})
	}
}

// BenchmarkPhase is one frame of a call by what the canceller does in it: the
// mean, and of each frame of the call the least of several runs, the greatest,
// which is what a frame can cost when nothing else disturbs it.
func BenchmarkPhase(b *testing.B) {
	const runs = 9
	s := newScene(b, 1, 20*time.Second, 120*time.Millisecond, 12)
	s.Change(10*time.Second, 1, 260*time.Millisecond, 12)
	x := s.Received()
	for b.Loop() {
		took := make([]time.Duration, len(x)/block)
		phases := make([]string, len(took))
		for range runs {
			c := New()
			for i := range took {
				near, far := scene.Frame(x, i*block), scene.Frame(s.Far, i*block)
				phase := "idle"
				switch trial, at := c.trial.on, c.filter != nil; {
				case at && trial:
					phase = "engaged and proving"
				case at && c.stale > 0:
					phase = "agent silent"
				case at && c.age < youth:
					phase = "engaged, young"
				case at && c.strange > 0:
					phase = "engaged, unexplained sound"
				case at:
					phase = "engaged"
				case trial:
					phase = "proving"
				case c.looking || c.heard > 0:
					phase = "searching"
				}
				begun := time.Now()
				c.Process(&near, &far, media.Received)
				if d := time.Since(begun); took[i] == 0 || d < took[i] {
					took[i] = d
				}
				phases[i] = phase
			}
		}
		by := map[string][]time.Duration{}
		for i, d := range took {
			by[phases[i]] = append(by[phases[i]], d)
		}
		for phase, d := range by {
			var sum time.Duration
			for _, v := range d {
				sum += v
			}
			b.Logf("%-28s %4d frames, mean %5.1f µs, max %5.1f µs", phase, len(d), float64(sum.Nanoseconds())/float64(len(d))/1000, float64(slices.Max(d).Nanoseconds())/1000)
		}
	}
}
