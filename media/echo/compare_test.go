//go:build speexdsp

package echo

import (
	"fmt"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/echo/internal/speexdsp"
)

// rival is SpeexDSP's canceller behind the true delay, which it cannot find
// itself.
func rival(s *scene, delay time.Duration, suppress bool, see func(i int, out *media.Frame)) {
	c := speexdsp.New(512)
	defer c.Close()
	c.Suppress = suppress
	x := s.received()
	late := max(0, samples(delay)-early)
	for i := 0; i+block <= len(x); i += block {
		near, far := frame(x, i), media.Frame{}
		if i >= late {
			far = frame(s.far, i-late)
		}
		c.Process(&near, &far)
		see(i, &near)
	}
}

// TestCompare prints the table of docs/media.md. It asserts nothing.
//
//	go test -tags speexdsp ./media/echo -run TestCompare -v
func TestCompare(t *testing.T) {
	const change, talk, hush, end = 20 * time.Second, 8 * time.Second, 14 * time.Second, 28 * time.Second
	spans := []time.Duration{2 * time.Second, talk, hush, change, change + 2*time.Second, end}
	for _, erl := range losses {
		names := []string{"own", "own, filter alone", "SpeexDSP", "SpeexDSP and suppressor"}
		var m [4][6]meter
		var speechPower, wrong [4]float64
		for seed := range uint64(4) {
			const delay = 250 * time.Millisecond
			s := newScene(t, seed, end, delay, erl)
			copy(s.echo[samples(change):], echoed(ulaw(s.far), path(seed+77), delay, erl)[samples(change):])
			s.near = speech(t, caller, seed+50, end, 500*time.Millisecond)
			clear(s.near[:samples(talk)])
			clear(s.near[samples(hush):])
			// What each makes of the caller alone: SpeexDSP always takes out
			// what is below some 100 Hz.
			alone := *s
			alone.echo, alone.far = make([]float32, len(s.far)), make([]float32, len(s.far))
			var clean [4][]float32
			keep := func(k int) func(i int, out *media.Frame) {
				return func(_ int, out *media.Frame) {
					for _, v := range out {
						clean[k] = append(clean[k], float32(v))
					}
				}
			}
			// both is what leaves the canceller, and its filter.
			both := func(s *scene, all, filter func(i int, out *media.Frame)) {
				c := New()
				s.run(c, func(i int, v Verdict, out *media.Frame) {
					all(i, out)
					rest := *out
					if v.Active && c.stale == 0 {
						rest = frame(c.e[:], 0)
					}
					filter(i, &rest)
				})
			}
			both(&alone, keep(0), keep(1))
			rival(&alone, delay, false, keep(2))
			rival(&alone, delay, true, keep(3))
			see := func(k int) func(i int, out *media.Frame) {
				return func(i int, out *media.Frame) {
					span := 0
					for span+1 < len(spans) && i >= samples(spans[span]) {
						span++
					}
					if span != 2 {
						m[k][span].add(s.echo[i:], out)
						return
					}
					for j, v := range out {
						n := float64(clean[k][i+j])
						speechPower[k] += n * n
						wrong[k] += (float64(v) - n) * (float64(v) - n)
					}
				}
			}
			both(s, see(0), see(1))
			rival(s, delay, false, see(2))
			rival(s, delay, true, see(3))
		}
		for k, name := range names {
			t.Log(fmt.Sprintf("| %.0f dB | %s | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f |", erl, name,
				m[k][0].erle(), m[k][1].erle(), db(speechPower[k], wrong[k]), m[k][3].erle(), m[k][4].erle(), m[k][5].erle()))
		}
	}
}

func BenchmarkSpeexDSP(b *testing.B) {
	s := newScene(b, 1, 20*time.Second, 120*time.Millisecond, 12)
	x := s.received()
	c := speexdsp.New(512)
	defer c.Close()
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + block) % (len(x) - block) {
		near, far := frame(x, i), frame(s.far, max(0, i-samples(104*time.Millisecond)))
		c.Process(&near, &far)
	}
}
