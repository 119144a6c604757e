package plc

import (
	"math"
	"math/rand/v2"
	"path"
	"strings"
	"testing"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/testdata"
)

// tone is n samples of a sum of harmonics with the given period, in samples.
func tone(n int, period float64, amplitude float64) []int16 {
	s := make([]int16, n)
	for i := range s {
		x := 2 * math.Pi * float64(i) / period
		s[i] = int16(amplitude * (math.Sin(x) + 0.5*math.Sin(2*x+1) + 0.3*math.Sin(3*x+2)) / 1.8)
	}
	return s
}

func rms(s []int16) float64 {
	sum := 0.0
	for _, v := range s {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(s)))
}

// jump is the largest step between neighbours, from before the first on.
func jump(before int16, s []int16) int {
	most := 0
	for _, v := range s {
		d := int(v) - int(before)
		most = max(most, d, -d)
		before = v
	}
	return most
}

// A steady tone goes on unchanged for 10 ms, whatever its pitch.
func TestContinuesATone(t *testing.T) {
	t.Parallel()
	for _, period := range []float64{40, 53, 64.5, 80, 97, 120} {
		s := tone(1000, period, 10_000)
		var c Concealer
		c.Good(s[:800])
		got := make([]int16, 80)
		c.Conceal(got)
		noise := 0.0
		for i, v := range got {
			d := float64(v) - float64(s[800+i])
			noise += d * d
		}
		snr := 20 * math.Log10(rms(s[800:880])/math.Sqrt(noise/80))
		want := 40.0
		if period != math.Trunc(period) {
			want = 15 // a period of whole samples does not fit quite
		}
		if snr < want {
			t.Errorf("period %v: continued at %.1f dB signal to noise, want %v", period, snr, want)
		}
	}
}

// The level stays for 10 ms, falls by a fifth with each 10 ms more, and is
// nothing from 60 ms on.
func TestLevel(t *testing.T) {
	t.Parallel()
	s := tone(1000, 80, 10_000)
	full := rms(s[:80])
	var c Concealer
	c.Good(s)
	for i, want := range []float64{1, 0.9, 0.7, 0.5, 0.3, 0.1, 0, 0} {
		got := make([]int16, 80)
		c.Conceal(got)
		if level := rms(got) / full; math.Abs(level-want) > 0.04 {
			t.Errorf("from %d ms on the level is %.2f, want %.1f", 10*i, level, want)
		}
	}
}

// The blend into good audio takes a quarter period, 4 ms more for each 10 ms
// of the gap, and at most 10 ms.
func TestReentry(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ gap, blend int }{{80, 20}, {160, 52}, {240, 80}, {2000, 80}} {
		var c Concealer
		c.Good(tone(1000, 80, 10_000))
		c.Conceal(make([]int16, tt.gap))
		good := make([]int16, 160)
		for i := range good {
			good[i] = 20_000
		}
		first, second := good[:30], good[30:] // packets need not be frames
		c.Good(first)
		c.Good(second)
		changed := 0
		for i, v := range good {
			if v != 20_000 {
				changed = i + 1
			}
		}
		if changed != tt.blend {
			t.Errorf("after a gap of %d samples %d were blended, want %d", tt.gap, changed, tt.blend)
		}
		if j := jump(good[0], good); tt.gap > 480 && j > 300 {
			t.Errorf("after a gap of %d samples the level jumps by %d", tt.gap, j)
		}
	}
}

// Good audio without a gap is not touched, and silence stays silent.
func TestTransparent(t *testing.T) {
	t.Parallel()
	var c Concealer
	f := make([]int16, 160)
	c.Conceal(f)
	if rms(f) != 0 {
		t.Error("made up sound before there was any")
	}
	s := tone(1000, 70, 30_000)
	c.Good(s[:200])
	same := append([]int16(nil), s...)
	c.Good(s[200:])
	for i := range s {
		if s[i] != same[i] {
			t.Fatalf("good sample %d was changed", i)
		}
	}
}

// After a long silence nothing of the speech before it comes back.
func TestForgetsAfterSilence(t *testing.T) {
	t.Parallel()
	var c Concealer
	c.Good(tone(1000, 80, 10_000))
	for range 20 {
		c.Conceal(make([]int16, 160))
	}
	c.Good(make([]int16, 10))
	f := make([]int16, 160)
	if c.Conceal(f); rms(f) != 0 {
		t.Errorf("silence is continued at level %.0f", rms(f))
	}
}

// Any sequence of calls stays within the range of a sample.
func TestExtremes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var c Concealer
	for range 20_000 {
		s := make([]int16, r.IntN(400))
		if r.IntN(2) == 0 {
			c.Conceal(s)
			continue
		}
		for i := range s {
			s[i] = int16(math.MaxInt16 - r.IntN(2)*math.MaxUint16)
		}
		c.Good(s)
	}
}

// speech is every line of testdata, by name.
func speech(tb testing.TB) map[string][]int16 {
	tb.Helper()
	names, err := testdata.Files.ReadDir("audio")
	if err != nil {
		tb.Fatal(err)
	}
	lines := map[string][]int16{}
	for _, entry := range names {
		if entry.Name() == "room.wav" || entry.Name() == "cough.wav" || !strings.HasSuffix(entry.Name(), ".wav") {
			continue
		}
		file, err := testdata.Files.Open(path.Join("audio", entry.Name()))
		if err != nil {
			tb.Fatal(err)
		}
		audio, err := record.DecodeWAV(file)
		_ = file.Close()
		if err != nil {
			tb.Fatal(err)
		}
		lines[entry.Name()] = audio.Samples[0]
	}
	return lines
}

// lossy loses each frame with probability p and conceals it; with none set it
// leaves silence. It returns what is heard and which frames were lost.
func lossy(s []int16, p float64, seed uint64, none bool) (heard []int16, lost []bool) {
	r := rand.New(rand.NewPCG(seed, 7))
	var c Concealer
	for ; len(s) >= media.FrameSamples; s = s[media.FrameSamples:] {
		f := append([]int16(nil), s[:media.FrameSamples]...)
		gone := r.Float64() < p
		switch {
		case gone && none:
			clear(f)
		case gone:
			c.Conceal(f)
		case !none:
			c.Good(f)
		}
		heard = append(heard, f...)
		lost = append(lost, gone)
	}
	return heard, lost
}

// spectra is the mean distance of the short-time spectra of a and b in the
// lost frames and those after them, in dB: 1/3 octaves from 200 to 3400 Hz.
func spectra(a, b []int16, lost []bool) (sum float64, frames int) {
	for i := range lost {
		if !lost[i] {
			continue
		}
		from := i * media.FrameSamples
		to := from + media.FrameSamples
		if rms(a[from:to]) < 100 {
			continue // nothing was said
		}
		total, bands := 0.0, 0
		for f := 200.0; f < 3400; f *= math.Cbrt(2) {
			d := power(a[from:to], f) - power(b[from:to], f)
			total += d * d
			bands++
		}
		sum += math.Sqrt(total / float64(bands))
		frames++
	}
	return sum, frames
}

// power is what s has at f Hz, in dB, not less than that of a quiet room.
func power(s []int16, f float64) float64 {
	var re, im float64
	for i, v := range s {
		w := 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(len(s)))
		sin, cos := math.Sincos(2 * math.Pi * f * float64(i) / media.SampleRate)
		re += w * float64(v) * cos
		im += w * float64(v) * sin
	}
	return 10 * math.Log10((re*re+im*im)/float64(len(s))+1000)
}

// In speech with 5 % of the frames lost, the concealed frames are far nearer
// to what was said than silence is, their first half follows the waveform, and
// no seam clicks.
func TestSpeech(t *testing.T) {
	t.Parallel()
	var distance, zeroDistance, noise, zeroNoise, signal float64
	frames := 0
	worst := 0.0
	for name, s := range speech(t) {
		own := jump(s[0], s)
		for seed := range uint64(5) {
			heard, lost := lossy(s, 0.05, seed, false)
			zero, _ := lossy(s, 0.05, seed, true)
			d, n := spectra(s, heard, lost)
			distance += d
			frames += n
			d, _ = spectra(s, zero, lost)
			zeroDistance += d
			for i := range heard {
				if lost[i/media.FrameSamples] && i%media.FrameSamples < media.FrameSamples/2 {
					x := float64(s[i])
					signal += x * x
					noise += (x - float64(heard[i])) * (x - float64(heard[i]))
					zeroNoise += (x - float64(zero[i])) * (x - float64(zero[i]))
				}
			}
			j := jump(heard[0], heard)
			worst = max(worst, float64(j)/float64(own))
			if float64(j) > 1.2*float64(own) {
				t.Errorf("%s, seed %d: neighbours differ by %d, in the speech itself by %d", name, seed, j, own)
			}
		}
	}
	distance /= float64(frames)
	zeroDistance /= float64(frames)
	snr, zeroSNR := 10*math.Log10(signal/noise), 10*math.Log10(signal/zeroNoise)
	t.Logf("%d lost frames of speech: spectral distance %.1f dB (silence %.1f dB), signal to noise in their first 10 ms %.1f dB (silence %.1f dB), worst step %.2f of the speech's own",
		frames, distance, zeroDistance, snr, zeroSNR, worst)
	if distance > zeroDistance/2 {
		t.Errorf("spectral distance %.1f dB, want half the %.1f dB of silence", distance, zeroDistance)
	}
	if snr < 1 {
		t.Errorf("%.1f dB signal to noise at the start of the lost frames, want 1", snr)
	}
}

// Serial: allocations are counted for the whole process.
func TestAllocatesNothing(t *testing.T) {
	var c Concealer
	s := tone(160, 60, 10_000)
	f := make([]int16, 160)
	if n := testing.AllocsPerRun(100, func() {
		copy(f, s)
		c.Good(f)
		c.Conceal(f)
	}); n != 0 {
		t.Errorf("%v allocations per gap, want none", n)
	}
}

func BenchmarkGood(b *testing.B) {
	var c Concealer
	f := tone(160, 60, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		c.Good(f)
	}
}

// A gap of 20 ms: the search for the pitch, the repetition, the blend back.
func BenchmarkGap(b *testing.B) {
	var c Concealer
	s := tone(800, 60, 10_000)
	f := make([]int16, 160)
	c.Good(s)
	b.ReportAllocs()
	for b.Loop() {
		c.Conceal(f)
		copy(f, s)
		c.Good(f)
	}
}
