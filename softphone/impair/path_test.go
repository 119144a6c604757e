package impair

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const ms = time.Millisecond

// walked is what became of packets 20 ms apart.
type walked struct {
	delays []time.Duration // of those that arrived, in the order of sending
	runs   []int           // lengths of the runs of losses
	lost   int
	stats  Stats
}

func walk(n Network, packets int) walked {
	p := New(n)
	var w walked
	run := 0
	for i := range packets {
		at := epoch.Add(time.Duration(i) * 20 * ms)
		arrive, copies := p.Step(at, 172)
		if copies == 0 {
			w.lost++
			run++
			continue
		}
		if run > 0 {
			w.runs = append(w.runs, run)
			run = 0
		}
		w.delays = append(w.delays, arrive[0].Sub(at))
	}
	w.stats = p.Stats()
	return w
}

// quantile is the q-quantile of the delays.
func (w *walked) quantile(q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(w.delays))
	return sorted[int(q*float64(len(sorted)-1))]
}

// What is asked for is what comes, over 13 minutes.
func TestFigures(t *testing.T) {
	t.Parallel()
	const packets = 40_000
	for _, shape := range []Shape{Uniform, Queue, Spikes} {
		for _, jitter := range []time.Duration{20 * ms, 40 * ms, 60 * ms} {
			w := walk(Network{Delay: 30 * ms, Jitter: jitter, Shape: shape, Seed: 1}, packets)
			least, p95 := w.quantile(0), w.quantile(0.95)-30*ms
			if least < 30*ms || least > 31*ms || w.lost > 0 {
				t.Errorf("%v %v: the least delay is %v, %d lost", shape, jitter, least, w.lost)
			}
			if p95 < jitter*7/10 || p95 > jitter*12/10 {
				t.Errorf("%v %v: the 95th percentile is %v", shape, jitter, p95)
			}
			for i := 1; shape != Uniform && i < len(w.delays); i++ {
				if w.delays[i-1]-w.delays[i] > 20*ms {
					t.Fatalf("%v %v: packet %d overtakes", shape, jitter, i)
				}
			}
		}
	}
	for _, loss := range []float64{0.02, 0.05, 0.2} {
		for _, burst := range []float64{0, 1, 3} {
			w := walk(Network{Loss: loss, Burst: burst, Seed: 2}, packets)
			if got := float64(w.lost) / packets; math.Abs(got-loss) > loss/8 {
				t.Errorf("loss %v in runs of %v: lost %v", loss, burst, got)
			}
			want := max(burst, 1/(1-loss))
			if mean := float64(w.lost) / float64(len(w.runs)); math.Abs(mean-want) > 0.15 {
				t.Errorf("loss %v in runs of %v: runs of %.2f", loss, burst, mean)
			}
		}
	}
	w := walk(Network{Duplicates: 0.1, Reordered: 0.05, Hold: 50 * ms, Seed: 3}, packets)
	if s := w.stats; s.Duplicated < packets/12 || s.Duplicated > packets/9 || s.Reordered < packets/24 || s.Reordered > packets/18 {
		t.Errorf("duplicates and reordering: %+v", s)
	}
}

// A sender whose clock is 500 ppm slow falls behind by 0.9 s in 30 minutes.
func TestDrift(t *testing.T) {
	t.Parallel()
	w := walk(Network{Drift: 500}, 90_000)
	if last := w.delays[len(w.delays)-1]; (last - 900*ms).Abs() > ms {
		t.Errorf("the last packet is %v late", last)
	}
	w = walk(Network{Delay: time.Second, Drift: -500}, 90_000)
	if last := w.delays[len(w.delays)-1]; (last - 100*ms).Abs() > ms {
		t.Errorf("the last packet takes %v", last)
	}
}

// A link of 64 kbit/s, which a call of G.711 overfills by a quarter, drops a
// fifth and makes the rest wait as long as there is room.
func TestNarrowLink(t *testing.T) {
	t.Parallel()
	w := walk(Network{Rate: 64_000, Room: 100 * ms}, 5000)
	if s := w.stats; s.Overflowed < 900 || s.Overflowed > 1100 {
		t.Errorf("%+v", s)
	}
	if longest := w.quantile(1); longest < 100*ms || longest > 130*ms {
		t.Errorf("a packet waits %v at most", longest)
	}
}

// Any network: the same seed gives the same fates, nothing arrives before it
// was sent, and the losses do not depend on the jitter.
func TestAnyPath(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := Network{
			Delay:      time.Duration(rapid.IntRange(0, 300).Draw(t, "delay")) * ms,
			Jitter:     time.Duration(rapid.IntRange(0, 200).Draw(t, "jitter")) * ms,
			Shape:      Shape(rapid.IntRange(0, len(shapes)-1).Draw(t, "shape")),
			Loss:       rapid.Float64Range(0, 0.5).Draw(t, "loss"),
			Burst:      rapid.Float64Range(0, 5).Draw(t, "burst"),
			Duplicates: rapid.Float64Range(0, 1).Draw(t, "duplicates"),
			Reordered:  rapid.Float64Range(0, 1).Draw(t, "reordered"),
			Hold:       time.Duration(rapid.IntRange(0, 100).Draw(t, "hold")) * ms,
			Drift:      rapid.Float64Range(-1000, 1000).Draw(t, "drift"),
			Rate:       rapid.SampledFrom([]int{0, 50_000, 1_000_000}).Draw(t, "rate"),
			Seed:       rapid.Uint64().Draw(t, "seed"),
		}
		if err := n.Validate(); err != nil {
			t.Skip("a path that loses everything")
		}
		calm := n
		calm.Jitter, calm.Shape = 0, Uniform
		a, b, c := New(n), New(n), New(calm)
		for i := range 300 {
			at := epoch.Add(time.Duration(i) * 20 * ms)
			first, copies := a.Step(at, 172)
			again, same := b.Step(at, 172)
			if first != again || copies != same {
				t.Fatalf("packet %d arrives at %v, and the second time at %v", i, first, again)
			}
			if copies > 0 && first[0].Before(at) || copies > 2 {
				t.Fatalf("packet %d, sent at %v, arrives %d times at %v", i, at, copies, first)
			}
			if _, calm := c.Step(at, 172); n.Shape != Spikes && (calm == 0) != (copies == 0) {
				t.Fatalf("packet %d: %d copies with jitter, %d without", i, copies, calm)
			}
		}
	})
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]Network{
		"negative delay": {Delay: -1}, "negative rate": {Rate: -1}, "loss of 2": {Loss: 2},
		"loss below 0": {Loss: -0.1}, "no such shape": {Shape: 9}, "loses all": {Loss: 0.9, Burst: 2},
		"duplicates": {Duplicates: 1.5},
	} {
		if n.Validate() == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if err := (Network{Loss: 0.05, Burst: 3, Jitter: 40 * ms}).Validate(); err != nil {
		t.Error(err)
	}
}
