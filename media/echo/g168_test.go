package echo

import (
	"flag"
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/media/echo/scene"
	"trunkline/media/g711"
	recorded "trunkline/media/speech"
)

// The cases of ITU-T G.168 with speech in place of its composite source
// signal, and with the delays of a whole network in front of the path.

var (
	delays = []time.Duration{50 * time.Millisecond, 120 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond}
	losses = []float64{6, 12, 20, 30}
)

var sweep = flag.Bool("sweep", false, "every delay with every return loss, and more calls of each; without it, every second pair")

// each runs f for delays and return losses.
func each(t *testing.T, f func(t *testing.T, seed uint64, delay time.Duration, erl float64)) {
	t.Helper()
	for i, delay := range delays {
		for j, erl := range losses {
			if !*sweep && (i+j)%2 != 0 {
				continue
			}
			t.Run(fmt.Sprintf("%v,%vdB", delay, erl), func(t *testing.T) {
				t.Parallel()
				f(t, uint64(10*i+j), delay, erl)
			})
		}
	}
}

// calls is n in a sweep, else half of it.
func calls(n uint64) uint64 {
	if *sweep {
		return n
	}
	return n / 2
}

// TestConvergence is G.168's test 2: an echo is found and cancelled, and stays
// cancelled.
func TestConvergence(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, seed uint64, delay time.Duration, erl float64) {
		t.Helper()
		s := newScene(t, seed, 20*time.Second, delay, erl)
		var found int
		var second, later scene.Meter
		var last Verdict
		run(s, New(), func(i int, v Verdict, out *media.Frame) {
			if v.Active && found == 0 {
				found = i
			}
			switch {
			case !v.Active:
			case i < found+samples(time.Second):
			case i < found+samples(4*time.Second):
				second.Add(s.Echo[i:], out)
			default:
				later.Add(s.Echo[i:], out)
			}
			last = v
		})
		t.Logf("found after %d ms at %v, %.1f dB; ERLE %.1f dB from a second on, %.1f dB later",
			found/8, last.Delay, last.ERL, second.ERLE(), later.ERLE())
		if found == 0 || found > samples(2500*time.Millisecond) {
			t.Errorf("found after %d ms, want 2.5 s", found/8)
		}
		if d := last.Delay - media.FrameDuration - delay; d < -10*time.Millisecond || d > 20*time.Millisecond {
			t.Errorf("delay %v, want %v, and at most the path's 20 ms more", last.Delay, delay+media.FrameDuration)
		}
		if math.Abs(last.ERL-erl) > 3 {
			t.Errorf("return loss %.1f dB, want %.0f", last.ERL, erl)
		}
		if second.ERLE() < 19 {
			t.Errorf("ERLE %.1f dB after a second, want 19", second.ERLE())
		}
		if later.ERLE() < 20 {
			t.Errorf("ERLE %.1f dB later, want 20", later.ERLE())
		}
	})
}

// TestDoubleTalk is G.168's test 3: the caller's speech neither spoils the
// filter nor is spoilt by it.
func TestDoubleTalk(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, seed uint64, delay time.Duration, erl float64) {
		t.Helper()
		const from, to = 6 * time.Second, 16 * time.Second
		s := newScene(t, seed, 20*time.Second, delay, erl)
		talk(t, s, from, to)
		var after scene.Meter
		var speech, wrong float64
		run(s, New(), func(i int, _ Verdict, out *media.Frame) {
			switch {
			case i >= samples(from) && i < samples(to):
				for j, v := range out {
					n := float64(s.Near[i+j])
					speech += n * n
					wrong += (float64(v) - n) * (float64(v) - n)
				}
			case i >= samples(to):
				after.Add(s.Echo[i:], out)
			}
		})
		t.Logf("double talk: distortion %.1f dB below the caller; ERLE after it %.1f dB", scene.DB(speech, wrong), after.ERLE())
		if got := scene.DB(speech, wrong); got < 12 {
			t.Errorf("the caller's speech is %.1f dB above what was done to it, want 12", got)
		}
		if after.ERLE() < 19 {
			t.Errorf("ERLE %.1f dB after double talk, want 19", after.ERLE())
		}
	})
}

// TestPathChange is G.168's test 2 B: the path changes under speech.
func TestPathChange(t *testing.T) {
	t.Parallel()
	const change, delay = 8 * time.Second, 200 * time.Millisecond
	for name, to := range map[string]struct {
		delay  time.Duration
		path   uint64
		within time.Duration
	}{
		"later by a frame":      {delay + 20*time.Millisecond, 0, time.Second},
		"later by two frames":   {delay + 40*time.Millisecond, 0, time.Second},
		"sooner by a frame":     {delay - 20*time.Millisecond, 0, time.Second},
		"sooner by two frames":  {delay - 40*time.Millisecond, 0, time.Second},
		"much later":            {delay + 150*time.Millisecond, 0, 3 * time.Second},
		"another path":          {delay, 1, 4 * time.Second},
		"another path and soon": {delay - 100*time.Millisecond, 1, 4 * time.Second},
	} {
		for _, erl := range losses {
			t.Run(fmt.Sprintf("%s,%vdB", name, erl), func(t *testing.T) {
				t.Parallel()
				for seed := range calls(2) {
					s := newScene(t, seed, 16*time.Second, delay, erl)
					s.Change(change, seed+to.path, to.delay, erl)
					heard := samples(change) // the agent may have been silent then
					for scene.Energy(s.Echo[heard:heard+block]) < 4*block*nearFloor {
						heard += block
					}
					var m scene.Meter
					run(s, New(), func(i int, _ Verdict, out *media.Frame) {
						if i >= heard+samples(to.within) {
							m.Add(s.Echo[i:], out)
						}
					})
					t.Logf("ERLE %.1f dB", m.ERLE())
					want := 18.0
					if erl == 30 { // at 20 dB above the noise of G.711 a move is not always seen at once
						want = 7
					}
					if m.ERLE() < want {
						t.Errorf("seed %d: ERLE %.1f dB from %v after the changed echo was first heard, want %.0f", seed, m.ERLE(), to.within, want)
					}
				}
			})
		}
	}
}

// TestLeak is G.168's test 4: a minute without speech does not make the filter
// forget.
func TestLeak(t *testing.T) {
	t.Parallel()
	s := newScene(t, 5, 12*time.Second, 250*time.Millisecond, 12)
	c := New()
	run(s, c, func(int, Verdict, *media.Frame) {})
	for range 60 * 50 {
		near, far := media.Frame{4, -4}, media.Frame{}
		c.Process(&near, &far, media.Received)
	}
	var m scene.Meter
	run(s, c, func(i int, v Verdict, out *media.Frame) {
		if i < samples(time.Second) {
			m.Add(s.Echo[i:], out)
		}
		if i > samples(250*time.Millisecond) && !v.Echo && scene.Energy(s.Echo[i:i+block]) > 4*block*nearFloor {
			t.Errorf("%d ms: the echo passes for the caller", i/8)
		}
	})
	if m.ERLE() < 20 {
		t.Errorf("ERLE %.1f dB in the first second after a silent minute, want 20", m.ERLE())
	}
}

// TestSilentLine has echoes on lines without noise. G.711 sends an echo below
// half a step as silence, or, by A-law, as a constant, which must not teach
// the filter that there is no path.
func TestSilentLine(t *testing.T) {
	t.Parallel()
	for law, codec := range map[string]g711.Codec{"µ-law": g711.PCMU, "A-law": g711.PCMA} {
		for shape, path := range map[string][]float32{"one reflection": {1}, "a path that rings": scene.Path(6)} {
			t.Run(law+", "+shape, func(t *testing.T) {
				t.Parallel()
				for _, seed := range []uint64{6, 19, 2, 12}[:calls(4)] {
					s := newScene(t, seed, 15*time.Second, 180*time.Millisecond, 12)
					s.Echo = scene.Echoed(s.Far, path, s.Delay, s.ERL)
					received := make([]int16, len(s.Echo))
					for i, v := range s.Echo {
						received[i] = int16(v)
					}
					received = recorded.Coded(received, codec)
					c := New()
					var alone scene.Meter
					found, wrong := 0, 0
					for i := 0; i+block <= len(received); i += block {
						near, far := media.Frame(received[i:i+block]), scene.Frame(s.Far, i)
						v := c.Process(&near, &far, media.Received)
						if v.Active && found == 0 {
							found = i
						}
						if found == 0 || i < found+samples(time.Second) {
							continue
						}
						c.Unsuppressed(&near)
						alone.Add(s.Echo[i:], &near)
						if !v.Echo && scene.Energy(s.Echo[i:i+block]) > 4*block*nearFloor {
							wrong++
						}
					}
					t.Logf("ERLE of the filter alone %.1f dB; %d frames pass for the caller", alone.ERLE(), wrong)
					if alone.ERLE() < 20 || wrong > 0 {
						t.Errorf("seed %d: ERLE of the filter alone %.1f dB and %d frames that pass for the caller, want 20 dB and none", seed, alone.ERLE(), wrong)
					}
				}
			})
		}
	}
}

// TestNoEcho is G.168's test 6, and the usual call: without an echo the
// caller's frames pass untouched, whatever both say.
func TestNoEcho(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		s := newScene(t, seed, 30*time.Second, 0, 0)
		clear(s.Echo)
		s.Near = speech(t, scene.Caller, seed+9, 30*time.Second, time.Second)
		clear(s.Near[:samples(3*time.Second)])
		x := s.Received()
		run(s, New(), func(i int, v Verdict, out *media.Frame) {
			if v.Active || v.Echo {
				t.Fatalf("%d ms: %+v, want no echo", i/8, v)
			}
			if *out != scene.Frame(x, i) {
				t.Fatalf("%d ms: the frame was changed", i/8)
			}
		})
	}
}

// TestTones is G.168's test 5: narrow-band signals in either direction leave
// a converged filter usable.
func TestTones(t *testing.T) {
	t.Parallel()
	tone := func(hz ...float64) []float32 {
		x := make([]float32, samples(5*time.Second))
		for i := range x {
			for _, f := range hz {
				x[i] += float32(2000 * math.Sin(2*math.Pi*f*float64(i)/media.SampleRate))
			}
		}
		return x
	}
	for name, tt := range map[string]struct{ far, near []float32 }{
		"dial tone to the caller": {far: tone(350, 440)},
		"one sine to the caller":  {far: tone(1000)},
		"ringback from there":     {near: tone(440, 480)},
		"both":                    {far: tone(1004), near: tone(1004)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 3, 20*time.Second, 120*time.Millisecond, 12)
			s.Near = make([]float32, len(s.Far))
			copy(s.Near[samples(8*time.Second):], tt.near)
			if tt.far != nil {
				copy(s.Far[samples(8*time.Second):], tt.far)
				s.Echo = scene.Echoed(scene.Coded(s.Far), scene.Path(3), 120*time.Millisecond, 12)
			}
			var m scene.Meter
			run(s, New(), func(i int, _ Verdict, out *media.Frame) {
				if i >= samples(14500*time.Millisecond) {
					m.Add(s.Echo[i:], out)
				}
			})
			t.Logf("ERLE %.1f dB", m.ERLE())
			if m.ERLE() < 18 {
				t.Errorf("ERLE %.1f dB 1.5 s after the tone, want 18", m.ERLE())
			}
		})
	}
}

// TestNeverLouder holds the canceller to G.168's divergence test, whatever
// comes from both directions.
func TestNeverLouder(t *testing.T) {
	t.Parallel()
	voices := [][]float32{
		speech(t, scene.Agent, 1, 2*time.Second, 200*time.Millisecond),
		speech(t, scene.Caller, 2, 2*time.Second, 200*time.Millisecond),
		scene.White(samples(2*time.Second), 3000, 3),
		scene.White(samples(2*time.Second), 20, 4),
		make([]float32, samples(2*time.Second)),
	}
	rapid.Check(t, func(t *rapid.T) {
		c := New()
		part := func(name string) []float32 {
			x := voices[rapid.IntRange(0, len(voices)-1).Draw(t, name)]
			n := rapid.IntRange(0, len(x)/block-1).Draw(t, name+" from") * block
			return x[n:]
		}
		for range rapid.IntRange(1, 2).Draw(t, "parts") {
			far, near := part("far"), part("near")
			gain := float32(rapid.Float64Range(-2, 2).Draw(t, "echo"))
			late := rapid.IntRange(0, maxDelay).Draw(t, "late")
			for i := 0; i+block <= min(len(far), len(near)); i += block {
				x := make([]float32, block)
				for j := range x {
					x[j] = near[i+j]
					if k := i + j - late; k >= 0 {
						x[j] += gain * far[k]
					}
				}
				n, f := scene.Frame(x, 0), scene.Frame(far, i)
				before := power(&n)
				v := c.Process(&n, &f, media.Received)
				if after := power(&n); after > 1.26*before+100 { // 1 dB
					t.Fatalf("power %v became %v", before, after)
				}
				if math.IsNaN(v.ERL) || math.IsInf(v.ERL, 0) || v.Delay < 0 || v.Delay > 700*time.Millisecond {
					t.Fatalf("verdict %+v", v)
				}
			}
		}
	})
}

func TestFrameAllocatesNothing(t *testing.T) {
	s := newScene(t, 1, 8*time.Second, 120*time.Millisecond, 12)
	c := New()
	run(s, c, func(int, Verdict, *media.Frame) {})
	if _, _, ok := c.Found(); !ok {
		t.Fatal("no echo was found")
	}
	x := s.Received()
	i := 0
	if got := testing.AllocsPerRun(300, func() {
		near, far := scene.Frame(x, i), scene.Frame(s.Far, i)
		c.Process(&near, &far, media.Received)
		i += block
	}); got != 0 {
		t.Errorf("a frame allocates %v times, want none", got)
	}
}

// TestLoudspeaker has the far end's loudspeaker clip: no linear filter can
// take that away, and the agent must not hear itself all the same.
func TestLoudspeaker(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		peak float64
		erl  float64
		erle float64 // at least
	}{
		{"bends its peaks", 0.25, 12, 11},
		{"distorts", 0.1, 12, 13},
		{"distorts, louder than the agent's own level", 0.1, 3, 12},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := scene.New(scene.Setup{Seed: 4, Length: 20 * time.Second, Delay: 180 * time.Millisecond, ERL: tt.erl, Loudspeaker: scene.Clipping(tt.peak)})
			if err != nil {
				t.Fatal(err)
			}
			var m scene.Meter
			own, sound := 0, 0
			run(s, New(), func(i int, v Verdict, out *media.Frame) {
				if i < samples(4*time.Second) {
					return
				}
				m.Add(s.Echo[i:], out)
				if scene.Energy(s.Echo[i:i+block]) > 100*block*nearFloor {
					sound++
					if !v.Echo {
						own++
					}
				}
			})
			t.Logf("ERLE %.1f dB; %d of %d frames pass for the caller", m.ERLE(), own, sound)
			if m.ERLE() < tt.erle {
				t.Errorf("ERLE %.1f dB, want %.0f", m.ERLE(), tt.erle)
			}
			if own*100 > 7*sound {
				t.Errorf("%d of %d frames of echo pass for the caller, want 7 %% at most", own, sound)
			}
		})
	}
}

// TestNoHoles holds what is put in an echo's place to the line's own noise: no
// gate or voice activity detector behind it may hear the echo's place as a
// pause in the line.
func TestNoHoles(t *testing.T) {
	t.Parallel()
	for _, sigma := range []float64{4, 20, 60} {
		s := newScene(t, 6, 20*time.Second, 250*time.Millisecond, 12)
		s.Line = scene.White(len(s.Far), sigma, 8)
		var sum float64
		var frames int
		run(s, New(), func(i int, v Verdict, out *media.Frame) {
			if i < samples(5*time.Second) || !v.Echo {
				return
			}
			frames++
			sum += float64(power(out))
		})
		off := scene.DB(sum/float64(frames), sigma*sigma)
		t.Logf("noise of %.0f: frames of echo are left at %.1f dB from it", sigma, off)
		if frames < 100 || off < -3 || off > 4 {
			t.Errorf("noise of %.0f: %d frames of echo are left at %.1f dB from the noise, want -3 to 4", sigma, frames, off)
		}
	}
}

// TestConcealed loses packets in bursts while the agent hears its echo: what
// is made up in their place teaches the filter nothing, and passes for what it
// was made of.
func TestConcealed(t *testing.T) {
	t.Parallel()
	for name, fill := range map[string]func(f, before *media.Frame) media.Kind{
		"repeated": func(f, before *media.Frame) media.Kind { *f = *before; return media.Concealed },
		"no sound": func(f, _ *media.Frame) media.Kind { clear(f[:]); return media.Quiet },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, 7, 24*time.Second, 120*time.Millisecond, 12)
			c := New()
			var m scene.Meter
			var before media.Frame
			wrong, n := 0, 0
			s.Each(func(i int, near, far *media.Frame) {
				n++
				in, lost := media.Received, n > 300 && n%25 < 3
				if lost {
					in = fill(near, &before)
				}
				before = *near
				v := c.Process(near, far, in)
				if n <= 300 || lost {
					return
				}
				m.Add(s.Echo[i:], near)
				if !v.Echo && n%25 > 4 && scene.Energy(s.Echo[i:i+block]) > 100*block*nearFloor {
					wrong++
				}
			})
			t.Logf("ERLE %.1f dB of what arrived; %d frames pass for the caller", m.ERLE(), wrong)
			if m.ERLE() < 20 || wrong > 0 {
				t.Errorf("ERLE %.1f dB and %d frames that pass for the caller, want 20 dB and none", m.ERLE(), wrong)
			}
		})
	}
}

// TestQuietProvesNothing: a far end that sends nothing while the agent speaks,
// as on hold, has not shown that it has no echo.
func TestQuietProvesNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t, 2, 10*time.Second, 120*time.Millisecond, 12)
	c := New()
	s.Each(func(_ int, near, far *media.Frame) {
		clear(near[:])
		c.Process(near, far, media.Quiet)
	})
	if c.clean {
		t.Error("the line is taken to have no echo")
	}
}
