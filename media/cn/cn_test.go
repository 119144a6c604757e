package cn

import (
	"math"
	"testing"
)

// made is two seconds of noise after it has settled.
func made(t *testing.T, payload ...byte) []int16 {
	t.Helper()
	n, ok := Parse(payload)
	if !ok {
		t.Fatalf("payload %v was refused", payload)
	}
	var g Generator
	s := make([]int16, 17_000)
	g.Fill(s, &n)
	return s[1000:]
}

// level is the mean power in dBov.
func level(s []int16) float64 {
	sum := 0.0
	for _, v := range s {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(sum/float64(len(s))/(32768*32768))
}

// neighbours is the correlation of neighbouring samples: positive when the low
// frequencies are strong.
func neighbours(s []int16) float64 {
	product, energy := 0.0, 0.0
	for i := 1; i < len(s); i++ {
		product += float64(s[i]) * float64(s[i-1])
		energy += float64(s[i]) * float64(s[i])
	}
	return product / energy
}

// The noise has the level that the packet tells, with any spectrum.
func TestLevel(t *testing.T) {
	t.Parallel()
	for _, payload := range [][]byte{{30}, {50}, {70}, {40, 40}, {40, 220}, {50, 30, 200, 100, 150}} {
		if got, want := level(made(t, payload...)), -float64(payload[0]); math.Abs(got-want) > 1.5 {
			t.Errorf("payload %v: level %.1f dBov, want %.0f", payload, got, want)
		}
	}
}

// The first coefficient is minus the correlation of neighbours.
func TestSpectrum(t *testing.T) {
	t.Parallel()
	for _, b := range []byte{20, 60, 127, 200, 240} {
		got, want := neighbours(made(t, 40, b)), -float64(258*(int(b)-127))/32768
		if math.Abs(got-want) > 0.05 {
			t.Errorf("coefficient %d: neighbours correlate by %.2f, want %.2f", b, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, payload := range [][]byte{nil, {128}, {255, 1}} {
		if _, ok := Parse(payload); ok {
			t.Errorf("payload %v was accepted", payload)
		}
	}
}

// A change of level has no step, and the zero Noise is silence.
func TestChangesSoftly(t *testing.T) {
	t.Parallel()
	loud, _ := Parse([]byte{20})
	var silence Noise
	var g Generator
	s := make([]int16, 8000)
	g.Fill(s, &loud)
	g.Fill(s, &silence)
	if first, last := level(s[:40]), level(s[400:600]); last > -60 || first < -26 {
		t.Errorf("noise goes from %.0f to %.0f dBov", first, last)
	}
	if s[7999] != 0 {
		t.Errorf("silence is %d", s[7999])
	}
}

// Whatever the network brings, the noise stays at its level and in range.
func FuzzParse(f *testing.F) {
	f.Add([]byte{60})
	f.Add([]byte{0, 0, 254, 0, 254, 255, 255, 0, 0, 127, 1, 2, 3, 4})
	f.Add([]byte{40, 110, 140, 120, 130})
	f.Fuzz(func(t *testing.T, payload []byte) {
		n, ok := Parse(payload)
		if !ok {
			return
		}
		var g Generator
		s := make([]int16, 4000)
		g.Fill(s, &n)
		g.Fill(s, &Noise{})
		g.Fill(s, &n)
		for _, v := range [...]float32{g.excitation, g.backward[0], g.backward[order-1]} {
			if v != v || v > 1e9 || v < -1e9 {
				t.Fatalf("the filter holds %v", v)
			}
		}
	})
}

// Serial: allocations are counted for the whole process.
func TestAllocatesNothing(t *testing.T) {
	payload := []byte{40, 60, 160}
	f := make([]int16, 160)
	var g Generator
	if allocs := testing.AllocsPerRun(100, func() {
		n, _ := Parse(payload)
		g.Fill(f, &n)
	}); allocs != 0 {
		t.Errorf("%v allocations per packet, want none", allocs)
	}
}

func BenchmarkFill(b *testing.B) {
	n, _ := Parse([]byte{40, 60, 160})
	f := make([]int16, 160)
	var g Generator
	b.ReportAllocs()
	for b.Loop() {
		g.Fill(f, &n)
	}
}
