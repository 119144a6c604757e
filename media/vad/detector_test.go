package vad_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"trunkline/media"
	"trunkline/media/vad"
)

// scene is a made-up line: noise throughout, a vowel now and then.
type scene struct {
	noise, vowel float64 // peak amplitudes
	random       *rand.Rand
	n            int // samples so far
}

func newScene(noise, vowel float64) *scene {
	return &scene{noise: noise, vowel: vowel, random: rand.New(rand.NewPCG(1, 2))}
}

// frame is the next 20 ms. The vowel is a male voice's "a": 120 Hz with its
// harmonics shaped by formants at 700, 1200 and 2600 Hz.
func (s *scene) frame(speaks bool) *media.Frame {
	var f media.Frame
	for i := range f {
		x := s.noise * (2*s.random.Float64() - 1)
		if speaks {
			at := float64(s.n) / media.SampleRate
			for h := 1.0; h*120 < 3600; h++ {
				x += s.vowel / 6 * formants(h*120) * math.Sin(2*math.Pi*h*120*at)
			}
		}
		f[i] = int16(x)
		s.n++
	}
	return &f
}

func formants(hz float64) float64 {
	gain := 0.02
	for _, formant := range []float64{700, 1200, 2600} {
		d := (hz - formant) / 120
		gain += 1 / (1 + d*d)
	}
	return gain
}

func detector(t testing.TB) *vad.Detector {
	t.Helper()
	d, err := vad.New()
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return d
}

// talkspurts runs half a second of noise, half of speech and one of noise
// through a detector and a gate, and returns in which frames speech began and
// ended, -1 for never.
func talkspurts(t testing.TB, s *scene, g *vad.Gate) (began, ended, onsets int) {
	t.Helper()
	d := detector(t)
	began, ended = -1, -1
	for i := range 100 {
		f := s.frame(i >= 25 && i < 50)
		switch g.Step(d.Voiced(f), vad.Level(f)) {
		case vad.Onset:
			began = i
			onsets++
		case vad.Offset:
			ended = i
		}
	}
	return began, ended, onsets
}

func TestSpeechIsFound(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		noise, vowel float64
		gate         vad.GateOptions
		within       int // frames from the first one with speech to the onset
	}{
		"clean line":   {noise: 0, vowel: 8000, gate: vad.DefaultGate(), within: 3},
		"usual line":   {noise: 60, vowel: 8000, gate: vad.DefaultGate(), within: 3},
		"quiet caller": {noise: 20, vowel: 1000, gate: vad.DefaultGate(), within: 3},
		"noisy line":   {noise: 600, vowel: 10000, gate: vad.DefaultGate(), within: 3},
		"barge-in":     {noise: 60, vowel: 8000, gate: vad.FastGate(), within: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began, ended, onsets := talkspurts(t, newScene(tt.noise, tt.vowel), vad.NewGate(tt.gate))
			if began < 25 || began > 25+tt.within {
				t.Errorf("speech from frame 25 on was found in frame %d, want within %d frames", began, tt.within)
			}
			// The detector has a hangover of its own, a few frames.
			if ended < 50+8 || ended > 50+20 {
				t.Errorf("speech until frame 49 ended in frame %d, want a hangover of 200 ms", ended)
			}
			if onsets != 1 {
				t.Errorf("%d talkspurts, want 1", onsets)
			}
		})
	}
}

func TestNoSpeechIsFound(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*scene{
		"digital silence":        newScene(0, 0),
		"idle noise":             newScene(8, 0),
		"line noise":             newScene(100, 0),
		"loud noise":             newScene(600, 0),
		"speech far in the room": newScene(10, 60),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if began, _, _ := talkspurts(t, s, vad.NewGate(vad.DefaultGate())); began != -1 {
				t.Errorf("speech was found in frame %d", began)
			}
		})
	}
}

func TestFrameAllocatesNothing(t *testing.T) {
	d := detector(t)
	g := vad.NewGate(vad.DefaultGate())
	f := newScene(60, 8000).frame(true)
	if got := testing.AllocsPerRun(100, func() { g.Step(d.Voiced(f), vad.Level(f)) }); got != 0 {
		t.Errorf("a frame allocates %v times, want none", got)
	}
}

func BenchmarkFrame(b *testing.B) {
	d := detector(b)
	g := vad.NewGate(vad.DefaultGate())
	s := newScene(60, 8000)
	var frames [50]*media.Frame
	for i := range frames {
		frames[i] = s.frame(i%50 > 25)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f := frames[i%50]
		g.Step(d.Voiced(f), vad.Level(f))
	}
}
