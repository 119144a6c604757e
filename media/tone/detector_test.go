package tone_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/speech"
	"trunkline/media/tone"
)

// part is a piece of a test's audio.
type part struct {
	ms    float64
	hertz []float64 // none: silence
}

func on(ms float64, hertz ...float64) part { return part{ms, hertz} }
func off(ms float64) part                  { return part{ms: ms} }

// times repeats parts.
func times(n int, parts ...part) (all []part) {
	for range n {
		all = append(all, parts...)
	}
	return all
}

// how says how parts are made to sound.
type how struct {
	dBm0 float64 // of each tone
	snr  float64 // dB above the noise
	off  float64 // of all frequencies, relative
	pace float64 // of all lengths
	lead float64 // ms of silence before
	law  g711.Codec
}

var plain = how{dBm0: -20, snr: 30, pace: 1, lead: 40}

// sound makes parts, with G.711 in their way.
func (h how) sound(parts []part) []int16 {
	r := rand.New(rand.NewPCG(3, 9))
	amplitude := math.Sqrt(2 * media.ZeroDBm0 * math.Pow(10, h.dBm0/10))
	noise := amplitude / math.Sqrt2 / math.Pow(10, h.snr/20)
	var x []int16
	for _, p := range append([]part{off(h.lead / h.pace)}, parts...) {
		phase := r.Float64()
		for i := range int(p.ms * 8 * h.pace) {
			s := noise * r.NormFloat64()
			for _, hertz := range p.hertz {
				s += amplitude * math.Sin(2*math.Pi*(phase+hertz*(1+h.off)*float64(i)/media.SampleRate))
			}
			x = append(x, int16(max(-32768, min(32767, math.Round(s)))))
		}
	}
	return speech.Coded(x, h.law)
}

// found are the events of a new detector. voiced is what it is told of every
// frame.
func found(x []int16, voiced bool) (all []tone.Event) {
	d := tone.New(tone.All)
	for ; len(x) >= media.FrameSamples; x = x[media.FrameSamples:] {
		if e, ok := d.Step((*media.Frame)(x), voiced); ok {
			all = append(all, e)
		}
	}
	return all
}

func names(all []tone.Event) string {
	s := make([]string, len(all))
	for i, e := range all {
		s[i] = e.Kind.String()
	}
	return strings.Join(s, ",")
}

var sit = []part{on(330, 950), on(330, 1400), on(330, 1800), off(500)}

func TestTones(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		parts []part
		want  string
	}{
		{"US ringback", times(2, on(2000, 440, 480), off(4000)), "ringback,ringback"},
		{"CEPT ringback", times(2, on(1000, 425), off(4000)), "ringback,ringback"},
		{"US busy", times(6, on(500, 480, 620), off(500)), "busy"},
		{"CEPT busy", times(6, on(500, 425), off(500)), "busy"},
		{"US reorder", times(8, on(250, 480, 620), off(250)), "reorder"},
		{"CEPT reorder", times(8, on(250, 425), off(250)), "reorder"},
		{"ringback, then busy", append(times(1, on(2000, 440, 480), off(4000)), times(4, on(500, 480, 620), off(500))...), "ringback,busy"},
		{"dial tone", []part{on(5000, 350, 440), off(500)}, ""},
		{"CEPT dial tone", []part{on(5000, 425), off(500)}, ""},
		{"SIT", sit, "sit"},
		{"US SIT, no circuit", []part{on(274, 913.8), on(274, 1370.6), on(380, 1776.7), off(500)}, "sit"},
		{"US SIT, reorder", []part{on(380, 985.2), on(274, 1428.5), on(380, 1776.7), off(500)}, "sit"},
		{"SIT with gaps", []part{on(330, 950), off(30), on(330, 1400), off(30), on(330, 1800), off(500)}, "sit"},
		{"falling tones", []part{on(330, 1800), on(330, 1400), on(330, 950), off(500)}, ""},
		{"CNG", times(3, on(500, 1100), off(3000)), "fax_cng,fax_cng,fax_cng"},
		{"a long 1100 Hz", []part{on(2000, 1100), off(500)}, ""},
		{"CED", []part{on(3000, 2100), off(500)}, "fax_ced"},
		{"a short 2100 Hz", []part{on(300, 2100), off(500)}, ""},
		{"a tone without speech", []part{on(400, 1000), off(500)}, ""},
		{"silence", []part{off(5000)}, ""},
	} {
		for name, h := range map[string]how{
			"plain":      plain,
			"A-law":      {dBm0: -20, snr: 30, pace: 1, lead: 47, law: g711.PCMA},
			"noisy":      {dBm0: -20, snr: 12, pace: 1, lead: 53},
			"soft":       {dBm0: -35, snr: 20, pace: 1, lead: 59},
			"loud":       {dBm0: -4, snr: 30, pace: 1, lead: 45},
			"fast":       {dBm0: -20, snr: 20, pace: 0.9, lead: 51},
			"slow":       {dBm0: -20, snr: 20, pace: 1.1, lead: 57},
			"high by .7": {dBm0: -20, snr: 20, off: 0.007, pace: 1, lead: 40},
			"low by .7":  {dBm0: -20, snr: 20, off: -0.007, pace: 1, lead: 44},
		} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				if got := names(found(h.sound(tt.parts), false)); got != tt.want {
					t.Errorf("found %q, want %q", got, tt.want)
				}
			})
		}
	}
}

// TestNoiseIsNoTone has the detector listen to noise alone.
func TestNoiseIsNoTone(t *testing.T) {
	t.Parallel()
	h := how{dBm0: -20, snr: 0, pace: 1}
	if got := names(found(h.sound([]part{off(120_000)}), true)); got != "" {
		t.Errorf("found %q in two minutes of noise", got)
	}
}

// TestAnsweringModem has phase reversals every 450 ms and a 15 Hz swing of
// 20 % (ITU-T V.8 ANSam).
func TestAnsweringModem(t *testing.T) {
	t.Parallel()
	x := make([]int16, 3*media.SampleRate)
	for i := range x {
		s := float64(i) / media.SampleRate
		a := 3000 * (1 + 0.2*math.Sin(2*math.Pi*15*s))
		if i/3600%2 == 1 {
			a = -a
		}
		x[i] = int16(a * math.Sin(2*math.Pi*2100*s))
	}
	got := found(speech.Coded(x, g711.PCMU), true)
	if names(got) != "fax_ced" {
		t.Fatalf("found %q, want fax_ced", names(got))
	}
	if end := got[0].End.Duration().Seconds(); end > 0.6 {
		t.Errorf("told after %v s, want half a second", end)
	}
}

func TestBeepAfterSpeech(t *testing.T) {
	t.Parallel()
	voice := lines(t)["i-would-like-to-speak-to-a-person"]
	for _, hertz := range []float64{440, 620, 800, 950, 1000, 1100, 1400, 1850} {
		for _, ms := range []float64{140, 250, 700, 1500} {
			x := append(append([]int16{}, voice...), plain.sound([]part{off(200), on(ms, hertz), off(800)})...)
			got := found(x, true)
			want := "beep"
			if hertz == 1100 && ms == 700 || hertz == 1100 && ms == 500 {
				continue // between a beep and a long CNG
			}
			if names(got) != want {
				t.Errorf("%v Hz for %v ms: found %q, want %q", hertz, ms, names(got), want)
				continue
			}
			if math.Abs(got[0].Hertz-hertz) > 5 {
				t.Errorf("%v Hz for %v ms: measured %.1f Hz", hertz, ms, got[0].Hertz)
			}
			start := media.Samples(len(voice)) + media.Samples(240*8)
			if d := (got[0].Start - start).Duration().Abs(); d.Milliseconds() > 25 {
				t.Errorf("%v Hz for %v ms: began %v from where it did", hertz, ms, d)
			}
		}
	}
	x := append(append([]int16{}, voice...), plain.sound([]part{off(200), on(80, 1000), off(800)})...)
	if got := found(x, true); len(got) > 0 {
		t.Errorf("a click of 80 ms: found %q", names(got))
	}
}

// lines is all audio of testdata.
func lines(tb testing.TB) map[string][]int16 {
	tb.Helper()
	all, err := speech.Recordings()
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// TestTalkOff plays all speech of testdata, more than 20 minutes, to one
// detector per gain and position, so that a beep may follow speech.
func TestTalkOff(t *testing.T) {
	t.Parallel()
	all := lines(t)
	for _, gain := range []float64{0.2, 0.5, 1, 2, 4} {
		for offset := 0; offset < 160; offset += 40 {
			t.Run(fmt.Sprintf("gain %v, offset %d", gain, offset), func(t *testing.T) {
				t.Parallel()
				x := slices.Repeat([]int16{0}, offset)
				for _, y := range all {
					x = append(x, speech.Played(y, gain, 0, g711.PCMU)...)
				}
				for _, e := range found(x, true) {
					t.Errorf("found %s at %v (%.0f Hz for %v)", e.Kind, e.Start.Duration(), e.Hertz, (e.End - e.Start).Duration())
				}
			})
		}
	}
}

func TestOnlyWhatIsWanted(t *testing.T) {
	t.Parallel()
	d := tone.New(tone.Fax)
	x := plain.sound(append(times(4, on(500, 480, 620), off(500)), on(500, 1100), off(500)))
	var got []tone.Event
	for ; len(x) >= media.FrameSamples; x = x[media.FrameSamples:] {
		if e, ok := d.Step((*media.Frame)(x), false); ok {
			got = append(got, e)
		}
	}
	if names(got) != "fax_cng" {
		t.Errorf("found %q, want fax_cng alone", names(got))
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	d := tone.New(tone.All)
	x := plain.sound([]part{on(500, 480, 620), off(200), on(500, 1100)})
	at := 0
	got := testing.AllocsPerRun(1000, func() {
		d.Step((*media.Frame)(x[at:]), true)
		if at += media.FrameSamples; at+media.FrameSamples > len(x) {
			at = 0
		}
	})
	if got != 0 {
		t.Errorf("%v allocations per frame, want none", got)
	}
}

// BenchmarkStep is the detector's time per 20 ms frame.
func BenchmarkStep(b *testing.B) {
	sounds := map[string][]int16{
		"silence":  make([]int16, 16000),
		"speech":   lines(b)["what-are-your-opening-hours"],
		"ringback": plain.sound([]part{on(2000, 440, 480)}),
		"cng":      plain.sound([]part{on(500, 1100)}),
	}
	for _, want := range []struct {
		name string
		set  tone.Set
	}{{"fax", tone.Fax}, {"all", tone.All}} {
		for name, x := range sounds {
			b.Run(want.name+"/"+name, func(b *testing.B) {
				d := tone.New(want.set)
				at := 0
				b.ReportAllocs()
				for b.Loop() {
					d.Step((*media.Frame)(x[at:]), true)
					if at += media.FrameSamples; at+media.FrameSamples > len(x) {
						at = 0
					}
				}
			})
		}
	}
}
