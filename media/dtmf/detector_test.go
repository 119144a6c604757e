package dtmf_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/dtmf"
	"trunkline/media/g711"
	"trunkline/media/speech"
)

// seeded makes failures repeatable.
func seeded() *rand.Rand { return rand.New(rand.NewPCG(7, 42)) }

// trial changes the usual tone: 40 ms, -25 dBm0 each, 20 dB above the noise.
type trial struct {
	name   string
	change func(*tone)
	want   int // per cent of the keys that are found
}

// rate is the share of keys found in rounds of all keys, in per cent. A tone
// begins anywhere in a frame.
func rate(rounds int, change func(*tone)) float64 {
	r := seeded()
	hits := 0
	for range rounds {
		for _, k := range []byte(allKeys) {
			s := usual(k)
			s.snr = 20
			change(&s)
			s.lead += r.Float64() * 20
			if spell(found(s.sound(r))) == string(k) {
				hits++
			}
		}
	}
	return 100 * float64(hits) / float64(rounds*len(allKeys))
}

func TestLimits(t *testing.T) {
	t.Parallel()
	length := func(ms float64) func(*tone) { return func(s *tone) { s.ms = ms } }
	level := func(dBm0 float64) func(*tone) { return func(s *tone) { s.row, s.col = dBm0, dBm0 } }
	noise := func(dB float64) func(*tone) { return func(s *tone) { s.snr = dB } }
	off := func(row, col float64) func(*tone) {
		return func(s *tone) { s.rowOff, s.colOff = row/100, col/100 }
	}
	twist := func(row, col float64) func(*tone) { // dB of attenuation
		return func(s *tone) { s.row, s.col = s.row-row, s.col-col }
	}
	for _, tt := range []trial{
		{"40 ms, -25 dBm0, 20 dB SNR", func(*tone) {}, 100},
		{"50 ms", length(50), 100},
		{"2 s", length(2000), 100},
		{"23 ms", length(23), 0},
		{"15 ms", length(15), 0},
		{"0 dBm0", level(0), 100},
		{"-33 dBm0", level(-33), 100},
		{"-40 dBm0", level(-40), 0},
		{"SNR 12 dB", noise(12), 100},
		{"SNR 3 dB", noise(3), 0},
		{"normal twist 8 dB", twist(0, 8), 100},
		{"normal twist 12 dB", twist(0, 12), 0},
		{"reverse twist 4 dB", twist(4, 0), 100},
		{"reverse twist 8 dB", twist(8, 0), 0},
		{"+1.5 %", off(1.5, 1.5), 100},
		{"-1.5 %", off(-1.5, -1.5), 100},
		{"+1.5 % and -1.5 %", off(1.5, -1.5), 100},
		{"+3.5 %", off(3.5, 3.5), 0},
		{"-3.5 %", off(-3.5, -3.5), 0},
		{"row +3.5 %", off(3.5, 0), 0},
		{"row -3.5 %", off(-3.5, 0), 0},
		{"column +3.5 %", off(0, 3.5), 0},
		{"column -3.5 %", off(0, -3.5), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := rate(15, tt.change); got != float64(tt.want) {
				t.Errorf("%.1f %% of the keys found, want %d %%", got, tt.want)
			}
		})
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	r := seeded()
	for _, ms := range []float64{40, 65, 100, 250, 3000} {
		s := usual('7')
		s.ms, s.snr = ms, 20
		got := found(s.sound(r))
		if len(got) != 1 {
			t.Fatalf("%v ms: heard %q, want one key", ms, spell(got))
		}
		want := time.Duration(ms) * time.Millisecond
		if d := (got[0].Duration - want).Abs(); d > 10*time.Millisecond {
			t.Errorf("%v ms: measured %v", ms, got[0].Duration)
		}
	}
}

// sequence is keys with a pause after each.
func sequence(keys string, tone, pause float64) []int16 {
	r := seeded()
	var x []int16
	for _, k := range []byte(keys) {
		s := usual(k)
		s.snr, s.ms, s.lead, s.gap = 20, tone, 0, pause
		x = append(x, s.sound(r)...)
	}
	return x
}

func TestPauses(t *testing.T) {
	t.Parallel()
	const keys = "1122334455667788990**##AABBCCDD"
	for _, tt := range []struct{ tone, pause float64 }{{40, 40}, {45, 41}, {50, 60}, {80, 80}, {43, 47}} {
		if got := spell(found(sequence(keys, tt.tone, tt.pause))); got != keys {
			t.Errorf("%v ms on, %v ms off: heard %q, want %q", tt.tone, tt.pause, got, keys)
		}
	}
	if got := spell(found(sequence("55", 60, 10))); got != "5" {
		t.Errorf("a gap of 10 ms: heard %q, want one key", got)
	}
	if got := spell(found(sequence("1928", 60, 0))); got != "1928" {
		t.Errorf("no pause between keys: heard %q, want 1928", got)
	}
}

// TestToneIsCovered plays keys and counts how much of each reaches somebody
// who does not listen to frames with a tone.
func TestToneIsCovered(t *testing.T) {
	t.Parallel()
	r := seeded()
	for lead := 40.0; lead < 60; lead += 0.5 {
		s := usual('9')
		s.row, s.col, s.ms, s.lead = -10, -8, 100, lead
		var d dtmf.Detector
		leaked, at, pressed := 0, 0, 0
		each(s.sound(r), func(f *media.Frame) {
			h := d.Step(f)
			if h.Pressed != 0 {
				pressed = at + media.FrameSamples
			}
			for i := range f {
				if n := at + i - int(lead*8); n >= 0 && n < 800 && !h.Tone {
					leaked++
				}
			}
			at += media.FrameSamples
		})
		if leaked > media.FrameSamples {
			t.Errorf("tone after %v ms: %v of it leak, want 20 ms at most", lead, media.Samples(leaked).Duration())
		}
		if took := media.Samples(pressed - int(lead*8)).Duration(); took < 25*time.Millisecond || took > 55*time.Millisecond {
			t.Errorf("tone after %v ms: the key was known after %v", lead, took)
		}
	}
}

// TestTalkOff plays all speech of testdata in many gains and positions.
func TestTalkOff(t *testing.T) {
	t.Parallel()
	all := recordings(t)
	var minutes float64
	muted := 0
	for _, gain := range []float64{0.2, 0.5, 1, 2, 4} {
		for offset := 0; offset < 40; offset += 7 {
			for name, x := range all {
				y := speech.Played(x, gain, media.Samples(offset), g711.PCMU)
				var d dtmf.Detector
				each(y, func(f *media.Frame) {
					h := d.Step(f)
					if h.Pressed != 0 {
						t.Errorf("%s, gain %v, offset %d: heard the key %q", name, gain, offset, h.Pressed)
					}
					if h.Tone {
						muted++
					}
				})
				minutes += float64(len(y)) / media.SampleRate / 60
			}
		}
	}
	if minutes < 30 {
		t.Errorf("only %.1f minutes of speech, want 30", minutes)
	}
	if muted > 0 {
		t.Errorf("%d frames of %.1f minutes of speech taken for tones, want none", muted, minutes)
	}
}

// TestTwist walks the twist from one limit to the other, in both laws: what
// ITU-T Q.24 asks to be taken is taken, and beyond the margin nothing is.
func TestTwist(t *testing.T) {
	t.Parallel()
	for _, law := range []g711.Codec{g711.PCMU, g711.PCMA} {
		for twist := -14.0; twist <= 16; twist++ { // dB of the row over the column
			r := seeded()
			hits := 0
			for i := range len(allKeys) {
				s := usual(allKeys[i])
				s.row, s.col, s.snr = -12+twist/2, -12-twist/2, 30
				if spell(found(speech.Coded(s.line(r), law))) == string(allKeys[i]) {
					hits++
				}
			}
			switch {
			case twist >= -4 && twist <= 8 && hits < len(allKeys):
				t.Errorf("%v, the row %v dB above the column: %d of %d keys found, want all", law, twist, hits, len(allKeys))
			case (twist < -7 || twist > 12) && hits > 0:
				t.Errorf("%v, the row %v dB above the column: %d keys found, want none", law, twist, hits)
			}
		}
	}
}

// TestSecondHarmonics makes the sound that talk-off tests call simulated
// speech: both tones of a key with their second harmonics. A voice has them, a
// telephone 20 dB or more below its tones.
func TestSecondHarmonics(t *testing.T) {
	t.Parallel()
	r := seeded()
	for _, tt := range []struct {
		harmonics float64 // dB above the tones
		want      int     // keys found, of all; the rest is either
	}{{-25, len(allKeys)}, {-20, len(allKeys)}, {-3, 0}, {1, 0}, {6, 0}} {
		hits := 0
		for i := range len(allKeys) {
			s := usual(allKeys[i])
			s.row, s.col, s.ms, s.harmonics = -15, -15, 100, tt.harmonics
			if spell(found(s.sound(r))) == string(allKeys[i]) {
				hits++
			}
		}
		if hits != tt.want {
			t.Errorf("second harmonics at %v dB: %d of %d keys found, want %d", tt.harmonics, hits, len(allKeys), tt.want)
		}
	}
}

// TestKeyOverSpeech presses keys while somebody speaks 12 dB more softly.
func TestKeyOverSpeech(t *testing.T) {
	t.Parallel()
	const keys = "4071#"
	x := sequence(keys, 100, 100)
	gain := 0.0
	voice := recordings(t)["what-are-your-opening-hours"][2000:]
	for i := range x {
		gain = max(gain, float64(max(voice[i], -voice[i])))
	}
	for i := range x {
		x[i] = int16(float64(x[i])*4 + float64(voice[i])/gain*1500)
	}
	if got := spell(found(x)); got != keys {
		t.Errorf("heard %q, want %q", got, keys)
	}
}

func TestResetAndSilence(t *testing.T) {
	t.Parallel()
	var d dtmf.Detector
	x := sequence("5", 100, 0)
	var f media.Frame
	for i := range 4 {
		copy(f[:], x[i*media.FrameSamples:])
		d.Step(&f)
	}
	d.Reset()
	clear(f[:])
	for range 10 {
		if h := d.Step(&f); h != (dtmf.Heard{}) {
			t.Fatalf("after Reset: heard %+v", h)
		}
	}
	// What silence skips is not missed afterwards.
	if got := spell(found(append(make([]int16, 80_000), sequence("12", 40, 40)...))); got != "12" {
		t.Errorf("after 10 s of silence: heard %q, want 12", got)
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	var d dtmf.Detector
	var g dtmf.Generator
	var f media.Frame
	got := testing.AllocsPerRun(1000, func() {
		if !g.Next(&f) {
			_ = g.Press('5', 0, 0) // a key
		}
		d.Step(&f)
	})
	if got != 0 {
		t.Errorf("%v allocations per frame, want none", got)
	}
}

// BenchmarkStep is the detector's time per 20 ms frame.
func BenchmarkStep(b *testing.B) {
	voice := recordings(b)["what-are-your-opening-hours"]
	for _, bm := range []struct {
		name string
		x    []int16
	}{
		{"silence", make([]int16, 16000)},
		{"speech", voice[:len(voice)/160*160]},
		{"keys", sequence(strings.Repeat("4071#", 20), 100, 100)},
	} {
		b.Run(bm.name, func(b *testing.B) {
			var d dtmf.Detector
			at := 0
			b.ReportAllocs()
			for b.Loop() {
				d.Step((*media.Frame)(bm.x[at:]))
				if at += media.FrameSamples; at+media.FrameSamples > len(bm.x) {
					at = 0
				}
			}
		})
	}
}

// BenchmarkFound reports the share of keys found by level, noise and length.
func BenchmarkFound(b *testing.B) {
	for _, ms := range []float64{23, 30, 40, 60} {
		for _, dBm0 := range []float64{-10, -25, -35} {
			for _, snr := range []float64{20, 12, 8, 6} {
				b.Run(fmt.Sprintf("%vms/%vdBm0/%vdB", ms, dBm0, snr), func(b *testing.B) {
					var share float64
					for b.Loop() {
						share = rate(10, func(s *tone) { s.ms, s.row, s.col, s.snr = ms, dBm0, dBm0, snr })
					}
					b.ReportMetric(share, "%found")
				})
			}
		}
	}
}
