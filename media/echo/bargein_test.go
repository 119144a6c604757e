//go:build cgo

package echo

import (
	"flag"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/echo/scene"
	"trunkline/media/vad"
)

var agentMinutes = flag.Int("agent-minutes", 2, "minutes of agent speech without a caller in TestBargeIn")

// listener is what pauses the agent: voice activity and the conversation's
// gate.
type listener struct {
	vad  *vad.Detector
	gate *vad.Gate
}

func newListener(t *testing.T) *listener {
	t.Helper()
	d, err := vad.New()
	if err != nil {
		t.Fatal(err)
	}
	return &listener{d, vad.NewGate(vad.FastGate())}
}

func (l *listener) onset(f *media.Frame, echo bool) bool {
	return l.gate.Step(l.vad.Voiced(f) && !echo, vad.Level(f)) == vad.Onset
}

// TestBargeIn counts how often the agent's echo passes for the caller, and how
// often and how fast the caller is heard through it. A caller counts as heard
// within 100 ms of the onset on a line without an echo.
func TestBargeIn(t *testing.T) {
	t.Parallel()
	var (
		mu          sync.Mutex
		alone       time.Duration
		self        int
		said, heard int
		late        []time.Duration
	)
	t.Run("calls", func(t *testing.T) {
		each(t, func(t *testing.T, seed uint64, delay time.Duration, erl float64) {
			t.Helper()
			length := time.Duration(*agentMinutes) * time.Minute / time.Duration(len(delays)*len(losses)/2)
			if *sweep {
				length /= 2
			}
			for start := time.Duration(0); start < length; start += time.Minute {
				d := min(time.Minute, length-start)
				s := newScene(t, seed+uint64(start), d, delay, erl)
				var wrong []time.Duration
				l := newListener(t)
				run(s, New(), func(i int, v Verdict, out *media.Frame) {
					if l.onset(out, v.Echo) {
						wrong = append(wrong, media.Samples(i).Duration())
					}
				})
				if len(wrong) > 0 {
					t.Logf("the agent heard itself at %v of call %d: %v, %.0f dB", wrong, start/time.Minute, delay, erl)
				}

				when, err := s.Interrupt(-23)
				if err != nil {
					t.Fatal(err)
				}
				clean := *s
				clean.Echo = make([]float32, len(s.Echo))
				want := onsets(t, &clean, nil)
				got := onsets(t, s, New())
				mu.Lock()
				alone += d
				self += len(wrong)
				for _, p := range when {
					w, g := first(want, p), first(got, p)
					if w < 0 {
						continue // too soft to be heard at all
					}
					said++
					if g >= 0 && g-w <= samples(100*time.Millisecond) {
						heard++
					} else {
						t.Logf("the caller was not heard at %v of call %d: %v, %.0f dB", media.Samples(p).Duration(), start/time.Minute, delay, erl)
					}
					if g >= 0 {
						late = append(late, media.Samples(g-w).Duration())
					}
				}
				mu.Unlock()
			}
		})
	})
	if said == 0 {
		t.Fatal("nobody interrupted")
	}
	slices.Sort(late)
	t.Logf("%d self-interruptions in %v of agent speech; %d of %d interruptions heard (%.1f %%), later than without echo by %v (median), %v (p95)",
		self, alone, heard, said, 100*float64(heard)/float64(said), late[len(late)/2], late[len(late)*95/100])
	if self > 0 {
		t.Errorf("%d self-interruptions, want none", self)
	}
	if heard*100 < said*95 {
		t.Errorf("%d of %d interruptions heard, want 95 %%", heard, said)
	}
	if p95 := late[len(late)*95/100]; p95 > 60*time.Millisecond {
		t.Errorf("p95 of the added latency %v, want 60 ms", p95)
	}
}

// onsets are the samples at which the listener hears speech begin.
func onsets(t *testing.T, s *scene.Scene, c *Canceller) (at []int) {
	t.Helper()
	l := newListener(t)
	if c == nil {
		x := s.Received()
		for i := 0; i+block <= len(x); i += block {
			if f := scene.Frame(x, i); l.onset(&f, false) {
				at = append(at, i)
			}
		}
		return at
	}
	run(s, c, func(i int, v Verdict, out *media.Frame) {
		if l.onset(out, v.Echo) {
			at = append(at, i)
		}
	})
	return at
}

// first is the first of the onsets within 1.5 s from p on, -1 for none.
func first(onsets []int, p int) int {
	for _, o := range onsets {
		if o >= p-block && o < p+samples(1500*time.Millisecond) {
			return o
		}
	}
	return -1
}

func ExampleCanceller() {
	c := New()
	var caller, sent media.Frame // from the leg, and to it at the tick before
	v := c.Process(&caller, &sent, media.Received)
	fmt.Println(v.Active, v.Echo)
	// Output: false false
}
