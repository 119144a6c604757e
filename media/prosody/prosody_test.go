package prosody_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"trunkline/media"
	"trunkline/media/prosody"
)

// voice makes speech of a falling or rising pitch: harmonics of hz within the
// telephone band, so that the fundamental itself is missing.
type voice struct {
	phase float64
}

// frame is 20 ms of a voice whose pitch goes from hz to end, at an amplitude.
func (v *voice) frame(hz, end, amplitude float64) *media.Frame {
	var f media.Frame
	for i := range f {
		v.phase += 2 * math.Pi * (hz + (end-hz)*float64(i)/media.FrameSamples) / media.SampleRate
		for h := math.Ceil(300 / hz); h*hz < 3400; h++ {
			f[i] += int16(amplitude / h * math.Sin(h*v.phase))
		}
	}

	return &f
}

// say feeds frames of which frame i has the pitch and the level that at says.
func say(t *prosody.Tracker, frames int, at func(i int) (hz, dB float64)) {
	var v voice
	t.Begin()
	for i := range frames {
		hz, dB := at(i)
		next, _ := at(i + 1)
		t.Frame(v.frame(hz, next, 8000*math.Pow(10, dB/20)), true, -20+dB)
	}
	for range 10 {
		t.Frame(&media.Frame{}, false, -127)
	}
}

func TestTheEndOfAMelody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hz         float64
		semitones  float64 // over the last 200 ms
		fade       float64 // dB over the last 80 ms
		least, top float64 // of Fall
	}{
		"a man's statement":   {hz: 120, semitones: -4, fade: -10, least: -4.5, top: -2},
		"a woman's statement": {hz: 220, semitones: -4, fade: -10, least: -4.5, top: -2},
		"a level hesitation":  {hz: 120, least: -0.5, top: 0.5},
		"a question":          {hz: 180, semitones: 5, least: 2.5, top: 5.5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var tr prosody.Tracker
			say(&tr, 60, func(i int) (float64, float64) {
				move := max(0, float64(i-50)) / 10
				dB := 0.0
				if i >= 56 {
					dB = c.fade
				}

				return c.hz * math.Pow(2, c.semitones*move/12), dB
			})
			e := tr.Ending()
			if !e.Known || e.Fall < c.least || e.Fall > c.top {
				t.Errorf("%+v, want a fall of %v to %v semitones", e, c.least, c.top)
			}
			if math.Abs(e.Low-e.Fall) > 1 {
				t.Errorf("%+v: before the end the pitch was the call's median", e)
			}
			if want := c.fade * 56 / 60; math.Abs(e.Fade-want) > 0.5 {
				t.Errorf("%+v, want a fade of %.1f dB", e, want)
			}
			if e.Drawl != 60*media.FrameDuration {
				t.Errorf("%+v, want a drawl of 60 frames", e)
			}
		})
	}
}

// The end is compared with the caller's own voice, over talkspurts.
func TestTheCallersOwnPitch(t *testing.T) {
	t.Parallel()
	var tr prosody.Tracker
	say(&tr, 100, func(int) (float64, float64) { return 200, 0 })
	say(&tr, 20, func(int) (float64, float64) { return 100, 0 })
	if e := tr.Ending(); math.Abs(e.Low+12) > 1 || math.Abs(e.Fall) > 0.5 {
		t.Errorf("%+v, want an octave below the caller's pitch, and no fall", e)
	}
}

func TestNothingIsKnownOfNoise(t *testing.T) {
	t.Parallel()
	var tr prosody.Tracker
	if e := tr.Ending(); e != (prosody.Ending{}) {
		t.Errorf("of nothing: %+v", e)
	}
	r := rand.New(rand.NewPCG(1, 1))
	tr.Begin()
	for range 50 {
		var f media.Frame
		for i := range f {
			f[i] = int16(r.NormFloat64() * 3000)
		}
		tr.Frame(&f, true, -20)
	}
	if e := tr.Ending(); e.Known {
		t.Errorf("of noise: %+v", e)
	}
}

func TestAnyAudioHasAFiniteEnding(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var tr prosody.Tracker
		for range rapid.IntRange(0, 120).Draw(t, "frames") {
			if rapid.IntRange(0, 20).Draw(t, "begin") == 0 {
				tr.Begin()
			}
			var f media.Frame
			period := rapid.IntRange(1, 200).Draw(t, "period")
			for i := range f {
				f[i] = int16(32767 - 65535*(i%period)/period)
			}
			tr.Frame(&f, rapid.Bool().Draw(t, "speech"), rapid.Float64Range(-127, 0).Draw(t, "level"))
		}
		e := tr.Ending()
		if math.Abs(e.Fall) > 34 || math.Abs(e.Low) > 34 || math.Abs(e.Fade) > 127 || e.Drawl < 0 || e.Drawl > 3*time.Second {
			t.Fatalf("%+v", e)
		}
		if math.IsNaN(e.Fall) || math.IsNaN(e.Low) || math.IsNaN(e.Fade) {
			t.Fatalf("%+v", e)
		}
	})
}

// TestFrameAllocatesNothing runs serially: it counts allocations.
func TestFrameAllocatesNothing(t *testing.T) {
	var tr prosody.Tracker
	var v voice
	f := v.frame(120, 120, 8000)
	if n := testing.AllocsPerRun(100, func() {
		tr.Begin()
		tr.Frame(f, true, -20)
		_ = tr.Ending()
	}); n != 0 {
		t.Errorf("a frame allocates %v times, want none", n)
	}
}

func BenchmarkFrame(b *testing.B) {
	var tr prosody.Tracker
	var v voice
	f := v.frame(120, 120, 8000)
	b.ReportAllocs()
	for b.Loop() {
		tr.Frame(f, true, -20)
	}
}
