package clean

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"trunkline/media"
)

// frames are so many frames of white noise at a level in dBov, with a vowel
// of 120 Hz on top where voiced says so, at a level of its own.
func frames(n int, noise, vowel float64, voiced func(i int) bool, seed uint64) []media.Frame {
	r := rand.New(rand.NewPCG(seed, 1))
	a, v := 32768*math.Pow(10, noise/20), 32768*math.Pow(10, vowel/20)
	out := make([]media.Frame, n)
	for i := range out {
		for k := range out[i] {
			x := a * r.NormFloat64()
			if voiced(i) {
				at := float64(i*media.FrameSamples+k) / media.SampleRate
				for h := 1.0; h <= 30; h++ { // harmonics that fall by 6 dB an octave
					x += v * math.Sqrt2 * 0.79 / h * math.Sin(2*math.Pi*120*h*at+h*h)
				}
			}
			out[i][k] = int16(min(max(math.Round(x), -32768), 32767))
		}
	}
	return out
}

// spurts is speech in every second second.
func spurts(i int) bool { return i/50%2 == 1 }

// treat runs frames through c as an ear would, and returns what came out of
// talkspurts, with the index of the frame that each belongs to.
func treat(c *Cleaner, in []media.Frame) (out []media.Frame, of []int) {
	for i := range in {
		f := in[i]
		c.Hear(&f, spurts(i))
		if !spurts(i) {
			continue
		}
		if !spurts(i - 1) {
			c.Begin()
		}
		if g := c.Clean(&f); g != nil {
			at := i
			if c.quieting {
				at--
			}
			out, of = append(out, *g), append(of, at)
		}
	}
	return out, of
}

func never(int) bool { return false }

// On a clean line nothing is changed, bit for bit.
func TestCleanLinePasses(t *testing.T) {
	t.Parallel()
	for _, noise := range []float64{-100, -60, -50} {
		in := frames(300, noise, -24, spurts, 1)
		out, of := treat(New(), in)
		if len(out) != 150 {
			t.Fatalf("noise at %v dBov: %d frames come out, want 150", noise, len(out))
		}
		for k, i := range of {
			if out[k] != in[i] {
				t.Fatalf("noise at %v dBov: frame %d is changed", noise, i)
			}
		}
	}
}

// Steady noise goes, and the speech in it stays.
func TestSteadyNoiseIsSuppressed(t *testing.T) {
	t.Parallel()
	c := New()
	in := frames(300, -32, -24, spurts, 2)
	pure := frames(300, -120, -24, spurts, 2)
	out, of := treat(c, in)
	if noise, level := c.Treats(); !noise || level {
		t.Fatalf("treats noise %v, level %v at %.1f dB", noise, level, c.SNR())
	}
	var before, after, kept, speech float64
	for k, i := range of {
		if !spurts(i-5) || i < 150 {
			continue // the first frames of a talkspurt fade in
		}
		for n := range out[k] {
			p := float64(pure[i][n])
			before += sq(float64(in[i][n]) - p)
			after += sq(float64(out[k][n]) - p)
			kept += p * float64(out[k][n])
			speech += p * p
		}
	}
	if gain := 10 * math.Log10(before/after); gain < 3 {
		t.Errorf("the error falls by %.1f dB, want at least 3", gain)
	}
	if share := kept / speech; share < 0.85 || share > 1.05 {
		t.Errorf("%.2f of the speech is left", share)
	}
}

func sq(x float64) float64 { return x * x }

// Voices in the background are no steady noise: to suppress them costs words.
func TestUnsteadyNoiseIsLeft(t *testing.T) {
	t.Parallel()
	c := New()
	in := frames(300, -34, -24, spurts, 3)
	other := frames(300, -26, -100, never, 4)
	for i := range in {
		if i/5%2 == 0 {
			continue
		}
		for k := range in[i] {
			in[i][k] += other[i][k]
		}
	}
	out, of := treat(c, in)
	if c.Steady() {
		t.Fatal("it counts as steady")
	}
	for k, i := range of {
		if out[k] != in[i] {
			t.Fatalf("frame %d is changed", i)
		}
	}
}

// The suppressor does not go on and off around one ratio.
func TestSuppressorHasHysteresis(t *testing.T) {
	t.Parallel()
	c := New()
	c.quiet, c.varies, c.voiced = leastQuiet, 0.5, 100
	for i, step := range []struct {
		snr float64
		on  bool
	}{{17, false}, {14, false}, {12, true}, {15, true}, {17, false}, {14, false}} {
		for k := range c.speech {
			c.noise.power[k] = 100
			c.speech[k] = 100 * (1 + float32(math.Pow(10, step.snr/10)))
		}
		c.Begin()
		if on, _ := c.Treats(); on != step.on || math.Abs(c.SNR()-step.snr) > 0.1 {
			t.Errorf("step %d at %.1f dB: on is %v", i, c.SNR(), on)
		}
	}
}

// A faint voice is raised to the usual level, and nothing clips when it grows
// loud in the middle of a talkspurt.
func TestFaintVoiceIsRaised(t *testing.T) {
	t.Parallel()
	c := New()
	out, _ := treat(c, frames(300, -90, -46, spurts, 8))
	if _, on := c.Treats(); !on {
		t.Fatal("the level control rests")
	}
	sum := 0.0
	for _, f := range out[100:] {
		for _, v := range f {
			sum += sq(float64(v))
		}
	}
	if l := 10 * math.Log10(sum/float64(len(out)-100)/media.FrameSamples/fullScale); math.Abs(l-usualLevel) > 3 {
		t.Errorf("raised to %.1f dBov, want %d", l, usualLevel)
	}
	loud := frames(100, -90, -12, spurts, 9)
	for i := range loud[50:] {
		g := c.Clean(&loud[50+i])
		for k, v := range g {
			if v > 31200 || v < -31200 {
				t.Fatalf("sample %d of loud frame %d is %d", k, i, v)
			}
		}
	}
}

// Nothing that can be heard breaks it.
func TestAnyAudio(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := New()
		for range rapid.IntRange(1, 60).Draw(t, "frames") {
			var f media.Frame
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0: // digital silence
			case 1:
				for i := range f {
					f[i] = int16(32767 - 65535*(i/8%2))
				}
			default:
				r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
				a := 1 + r.IntN(32767)
				for i := range f {
					f[i] = int16(r.IntN(2*a) - a)
				}
			}
			c.Hear(&f, rapid.Bool().Draw(t, "voiced"))
			if rapid.IntRange(0, 9).Draw(t, "begin") == 0 {
				c.Begin()
			}
			c.quieting = rapid.Bool().Draw(t, "quieting")
			c.Clean(&f)
			if snr := c.SNR(); math.IsNaN(snr) || math.IsInf(snr, 0) {
				t.Fatalf("SNR %v", snr)
			}
			for k, p := range c.noise.power {
				if c.noise.frames > 0 && p < leastNoise || math.IsNaN(float64(p)) {
					t.Fatalf("noise of bin %d is %v", k, p)
				}
			}
			for k, v := range c.out {
				if math.IsNaN(float64(v)) || math.Abs(float64(v)) > 1e6 {
					t.Fatalf("sample %d is %v", k, v)
				}
			}
		}
	})
}

// The table of probabilities is that of the formula.
func TestLikelihood(t *testing.T) {
	t.Parallel()
	for over := 0.0; over < 100; over += 0.003 {
		want := 1 / (1 + (1+expected)*math.Exp(-expected/(1+expected)*over))
		if got := float64(likelihood(float32(over))); math.Abs(got-want) > 2e-5 {
			t.Fatalf("%v times the noise: %v, want %v", over, got, want)
		}
	}
}

// Noise that is known is still followed, though most of its frames are passed
// over: within two seconds when it grows by 10 dB.
func TestKnownNoiseIsFollowed(t *testing.T) {
	t.Parallel()
	mean := func(c *Cleaner) float64 {
		sum := 0.0
		for _, p := range c.noise.power[8:120] {
			sum += float64(p)
		}
		return 10 * math.Log10(sum)
	}
	c := New()
	for _, f := range frames(200, -45, -100, never, 5) {
		c.Hear(&f, false)
	}
	before := mean(c)
	if looked := c.noise.frames; looked > 200/2 {
		t.Errorf("%d of 200 frames were looked at", looked)
	}
	for _, f := range frames(100, -35, -100, never, 6) {
		c.Hear(&f, false)
	}
	if grown := mean(c) - before; math.Abs(grown-10) > 1.5 {
		t.Errorf("the estimate grew by %.1f dB, want 10", grown)
	}
}

func TestExpInt(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]float64{0.01: 4.0379, 0.1: 1.8229, 1: 0.21938, 5: 0.0011483} { // Abramowitz and Stegun, table 5.1
		if got := expInt(x); math.Abs(got-want) > 1e-4*max(1, want) {
			t.Errorf("E1(%v) = %v, want %v", x, got, want)
		}
	}
}

func TestNothingAllocates(t *testing.T) {
	c := New()
	in := frames(100, -32, -24, spurts, 2)
	treat(c, in)
	c.Begin()
	c.quieting = true
	i := 0
	if n := testing.AllocsPerRun(200, func() {
		c.Hear(&in[i%100], spurts(i))
		c.Begin()
		c.Clean(&in[i%100])
		i++
	}); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

func BenchmarkHear(b *testing.B) {
	c := New()
	in := frames(100, -32, -24, never, 2)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.Hear(&in[i%100], false)
	}
}

func BenchmarkClean(b *testing.B) {
	c := New()
	in := frames(200, -32, -24, spurts, 2)
	treat(c, in)
	c.Begin()
	c.quieting = true
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.Clean(&in[i%200])
	}
}
