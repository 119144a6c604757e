package pitch

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The period of a harmonic tone is found, looking back and looking ahead.
func TestFindsThePeriod(t *testing.T) {
	t.Parallel()
	for period := 40; period <= 120; period++ {
		x := make([]int16, 600)
		for i := range x {
			a := 2 * math.Pi * float64(i) / float64(period)
			x[i] = int16(8000*math.Sin(a) + 4000*math.Sin(2*a+1))
		}
		// Two periods are as good as one: look no further than one and a half.
		last := min(period*3/2, 120)
		if d, c := Search(x, 200, 160, 40, last); d != period || c < 0.999 {
			t.Errorf("period %d: found %d ahead, correlation %.3f", period, d, c)
		}
		if d, c := Search(x, 440, 160, -last, -40); d != -period || c < 0.999 {
			t.Errorf("period %d: found %d back, correlation %.3f", period, d, c)
		}
	}
}

func TestSilenceAndNoise(t *testing.T) {
	t.Parallel()
	x := make([]int16, 500)
	if d, c := Search(x, 200, 100, 40, 100); d < 40 || d > 100 || c != 0 {
		t.Errorf("silence: distance %d, correlation %.3f", d, c)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for i := range x {
		x[i] = int16(r.IntN(math.MaxUint16) - math.MaxInt16)
	}
	if _, c := Search(x, 200, 160, 40, 100); c > 0.5 {
		t.Errorf("noise resembles itself at %.3f", c)
	}
}

func BenchmarkSearch(b *testing.B) {
	x := make([]int16, 400)
	for i := range x {
		x[i] = int16(i * 7919)
	}
	b.ReportAllocs()
	for b.Loop() {
		Search(x, 230, 160, -120, -40)
	}
}
