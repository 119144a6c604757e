package quality

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s is %.3f, want %.3f +- %.3f", what, got, want, tolerance)
	}
}

// G.107 section 7.7: all parameters at their defaults give R = 93.2.
func TestDefaultsOfTheEModel(t *testing.T) {
	t.Parallel()
	p := Path{Codec: G711}
	near(t, "R", p.R(), 93.2, 0.05)
	near(t, "MOS", p.MOS(), 4.41, 0.005)
}

// G.107 table B.1 and G.109 table 1.
func TestMOSOfRating(t *testing.T) {
	t.Parallel()
	for r, want := range map[float64]float64{-5: 1, 0: 1, 3: 1, 50: 2.58, 60: 3.10, 70: 3.60, 80: 4.03, 90: 4.34, 100: 4.5, 120: 4.5} {
		near(t, "MOS", MOS(r), want, 0.007)
	}
}

// The effective impairment of G.711 with concealment under random loss, as
// G.113 tabulated it before the formula (within its rounding to 5).
func TestLossWithConcealment(t *testing.T) {
	t.Parallel()
	for loss, want := range map[float64]float64{0: 0, 0.01: 5, 0.02: 7, 0.03: 10, 0.05: 15, 0.07: 20, 0.10: 25} {
		p := Path{Codec: G711, Loss: loss}
		near(t, "Ie,eff", p.equipment(), want, 2.5)
	}
	near(t, "Ie,eff without concealment at 2 %", Path{Codec: G711Uncovered, Loss: 0.02}.equipment(), 95*2/(2+4.3), 1e-9)
	near(t, "Ie,eff at 5 % in double bursts", Path{Codec: G711, Loss: 0.05, Burst: 2}.equipment(), 95*5/(5/2.0+25.1), 1e-9)
}

// The waits of G.114: nobody minds 100 ms; 400 ms are the limit of planning.
func TestDelay(t *testing.T) {
	t.Parallel()
	tests := []struct {
		delay       time.Duration
		least, most float64
	}{
		{0, 93.1, 93.3},
		{100 * time.Millisecond, 90, 92.5},
		{150 * time.Millisecond, 88.5, 91},
		{200 * time.Millisecond, 85, 88.5},
		{300 * time.Millisecond, 72, 79},
		{400 * time.Millisecond, 60, 70},
	}
	for _, tt := range tests {
		if r := (Path{Codec: G711, Delay: tt.delay}).R(); r < tt.least || r > tt.most {
			t.Errorf("R at %v is %.1f, want %.1f to %.1f", tt.delay, r, tt.least, tt.most)
		}
	}
	near(t, "the wait of 400 ms", 25*(norm(2, 6)-3*norm(2.0/3, 6)+2), 24.07, 0.01)
}

func TestBurstRatio(t *testing.T) {
	t.Parallel()
	tests := []struct {
		expected, lost, bursts uint64
		want                   float64
	}{
		{0, 0, 0, 1},
		{100, 0, 0, 1},
		{100, 100, 1, 1}, // nothing came: no telling
		{100, 10, 9, 1},  // as random loss of 10 % falls
		{100, 10, 10, 1}, // more regular than chance
		{100, 10, 2, 4.5},
	}
	for _, tt := range tests {
		near(t, "burst ratio", BurstRatio(tt.expected, tt.lost, tt.bursts), tt.want, 1e-9)
	}
}

// Worse in any respect never sounds better.
func TestRatingFalls(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := Path{
			Codec: G711,
			Delay: time.Duration(rapid.IntRange(0, 2000).Draw(t, "delay")) * time.Millisecond,
			Loss:  rapid.Float64Range(0, 1).Draw(t, "loss"),
			Burst: rapid.Float64Range(0, 20).Draw(t, "burst"),
		}
		worse := p
		worse.Delay += time.Duration(rapid.IntRange(0, 500).Draw(t, "more delay")) * time.Millisecond
		worse.Loss += rapid.Float64Range(0, 0.5).Draw(t, "more loss")
		worse.Burst += rapid.Float64Range(0, 5).Draw(t, "more burst")
		// Near 10 ms the sidetone of G.107 makes up for a little of the echo.
		if a, b := p.R(), worse.R(); b > a+0.1 || a < 0 || a > 93.4 || math.IsNaN(a) {
			t.Fatalf("R of %+v is %v, of %+v %v", p, a, worse, b)
		}
		if mos := p.MOS(); mos < 1 || mos > 4.5 {
			t.Fatalf("MOS is %v", mos)
		}
	})
}
