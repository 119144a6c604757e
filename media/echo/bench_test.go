package echo

import (
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
