package echo

import (
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/echo/scene"
)

// newScene is d of the agent with an echo by delay and erl and no caller.
func newScene(t testing.TB, seed uint64, d, delay time.Duration, erl float64) *scene.Scene {
	t.Helper()
	s, err := scene.New(scene.Setup{Seed: seed, Length: d, Delay: delay, ERL: erl})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// speech is d of a voice.
func speech(t testing.TB, v scene.Voice, seed uint64, d, gap time.Duration) []float32 {
	t.Helper()
	x, err := scene.Speech(v, seed, d, gap)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// talk lets the caller of s speak from one time to another.
func talk(t testing.TB, s *scene.Scene, from, to time.Duration) {
	t.Helper()
	if err := s.Talk(from, to); err != nil {
		t.Fatal(err)
	}
}

// run hands the scene to c, frame by frame, and each frame's first sample,
// verdict and result to see.
func run(s *scene.Scene, c *Canceller, see func(i int, v Verdict, out *media.Frame)) {
	s.Each(func(i int, near, far *media.Frame) {
		v := c.Process(near, far, media.Received)
		see(i, v, near)
	})
}

// samples is the number of them in d.
func samples(d time.Duration) int { return scene.Samples(d) }
