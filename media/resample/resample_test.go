package resample_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"trunkline/media/resample"
)

func tone(rate int, hz, amplitude float64, n int) []int16 {
	s := make([]int16, n)
	for i := range s {
		s[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))))
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

func convert(t testing.TB, from, to int, in []int16) []int16 {
	t.Helper()
	r, err := resample.New(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return r.Flush(r.Append(nil, in))
}

// gain is the filter's gain in dB at a frequency of the input.
func gain(t testing.TB, from, to int, hz float64) float64 {
	t.Helper()
	in := tone(from, hz, 20000, from/4)
	out := convert(t, from, to, in)
	mid := out[len(out)/4 : len(out)*3/4]
	return 20 * math.Log10(max(rms(mid), 1e-9)/rms(in))
}

func TestPassbandIsFlatAndStopbandIsGone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to int }{{16000, 8000}, {48000, 8000}, {44100, 8000}, {22050, 8000}, {8000, 16000}, {8000, 8000}} {
		low := float64(min(c.from, c.to))
		for hz := 100.0; hz <= 0.425*low; hz += 125 {
			if g := gain(t, c.from, c.to, hz); math.Abs(g) > 0.1 {
				t.Errorf("%d to %d Hz: gain at %.0f Hz is %.2f dB, want 0 within 0.1", c.from, c.to, hz, g)
			}
		}
		for hz := 0.575 * low; hz < float64(c.from)/2; hz += 331 {
			if g := gain(t, c.from, c.to, hz); g > -60 {
				t.Errorf("%d to %d Hz: gain at %.0f Hz is %.1f dB, want below -60", c.from, c.to, hz, g)
			}
		}
	}
}

// Upwards, the images of the band must not appear.
func TestUpsampledToneStaysOneTone(t *testing.T) {
	t.Parallel()
	out := convert(t, 8000, 16000, tone(8000, 3000, 16000, 8000))
	want := tone(16000, 3000, 16000, 16000)
	for i := 2000; i < 14000; i++ {
		if d := int(out[i]) - int(want[i]); d > 40 || d < -40 {
			t.Fatalf("sample %d is %d, want %d within 40", i, out[i], want[i])
		}
	}
}

func TestOutputIsAlignedWithInput(t *testing.T) {
	t.Parallel()
	in := make([]int16, 1600)
	in[800] = 30000
	out := convert(t, 16000, 8000, in)
	if at := slices.Index(out, slices.Max(out)); at != 400 {
		t.Errorf("an impulse at 50 ms came out at sample %d, want 400", at)
	}
}

func TestLoudSquareWaveSaturatesInsteadOfWrapping(t *testing.T) {
	t.Parallel()
	in := make([]int16, 3200)
	for i := range in {
		in[i] = math.MaxInt16
		if i/40%2 == 1 {
			in[i] = math.MinInt16
		}
	}
	out := convert(t, 16000, 8000, in)
	for i := 20; i < len(out)-20; i++ {
		if phase := i % 20; phase > 3 && phase < 17 && (out[i] > 0) != (i/20%2 == 0) {
			t.Fatalf("sample %d is %d: the overshoot wrapped", i, out[i])
		}
	}
}

// However a signal is cut into chunks, the output is the same, and as long as
// stated.
func TestChunksDoNotMatter(t *testing.T) {
	t.Parallel()
	rates := []int{8000, 11025, 16000, 22050, 44100, 48000}
	rapid.Check(t, func(t *rapid.T) {
		from, to := rapid.SampledFrom(rates).Draw(t, "from"), rapid.SampledFrom(rates).Draw(t, "to")
		in := rapid.SliceOfN(rapid.Int16(), 0, 1500).Draw(t, "in")
		r, err := resample.New(from, to)
		if err != nil {
			t.Fatal(err)
		}
		whole := r.Flush(r.Append(nil, in))
		if want := (len(in)*to + from - 1) / from; len(whole) != want {
			t.Fatalf("%d samples from %d to %d Hz gave %d, want %d", len(in), from, to, len(whole), want)
		}
		var cut []int16
		for rest := in; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			cut = r.Append(cut, rest[:n])
			rest = rest[n:]
		}
		cut = r.Flush(cut)
		if diff := cmp.Diff(whole, cut); diff != "" && len(in) > 0 {
			t.Fatalf("chunks changed the output:\n%s", diff)
		}
	})
}

func TestAppendAllocatesNothing(t *testing.T) {
	r, err := resample.New(16000, 8000)
	if err != nil {
		t.Fatal(err)
	}
	in := tone(16000, 440, 9000, 320)
	out := make([]int16, 0, 400)
	if n := testing.AllocsPerRun(100, func() { out = r.Append(out[:0], in) }); n != 0 {
		t.Errorf("Append allocates %v times a chunk, want 0", n)
	}
}

func TestImpossibleRatesAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]int{{0, 8000}, {8000, 0}, {-1, 8000}, {8000, 500000}, {44101, 7919}} {
		if _, err := resample.New(c[0], c[1]); err == nil {
			t.Errorf("New(%d, %d) gave no error", c[0], c[1])
		}
	}
}

func BenchmarkTo8kHz(b *testing.B) {
	r, err := resample.New(16000, 8000)
	if err != nil {
		b.Fatal(err)
	}
	in := tone(16000, 440, 9000, 320)
	out := make([]int16, 0, 400)
	b.ReportAllocs()
	for b.Loop() {
		out = r.Append(out[:0], in)
	}
}
