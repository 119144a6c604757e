package resample

import (
	"fmt"
	"math"
)

// Bounds of New.
const (
	MinRate   = 1000
	MaxRate   = 192000
	maxPhases = 1024
)

const (
	stopband   = 70.0 // dB that the window is designed for
	transition = 0.3  // width of the transition band, in halves of the lower rate
	chunk      = 512  // input samples filtered at a time
)

// Resampler converts one signal. It is not safe for concurrent use; take one
// per signal.
type Resampler struct {
	up, down int         // output samples per input samples, in lowest terms
	half     int         // input samples that the filter looks ahead and back
	taps     [][]float32 // by phase; 2*half each

	buf   []float32 // input not yet done with, oldest first
	n     int       // samples in buf
	at    int       // index in buf of the input sample at or before the next output
	phase int       // of the next output, 0 to up-1
}

// New makes a Resampler between two rates in hertz. It fails when a rate is
// out of bounds or when their ratio needs more than 1024 phases.
func New(from, to int) (*Resampler, error) {
	if from < MinRate || from > MaxRate || to < MinRate || to > MaxRate {
		return nil, fmt.Errorf("resample %d Hz to %d Hz: rates go from %d to %d Hz", from, to, MinRate, MaxRate)
	}
	g := gcd(from, to)
	r := &Resampler{up: to / g, down: from / g}
	if r.up > maxPhases {
		return nil, fmt.Errorf("resample %d Hz to %d Hz: the ratio %d/%d is too fine; use a rate nearer to a multiple", from, to, r.up, r.down)
	}
	// Kaiser's estimate of a filter's length for a stopband and a transition.
	edge := float64(min(from, to)) / 2 / float64(from) // the lower half rate, in cycles per input sample
	r.half = int(math.Ceil((stopband - 8) / (2.285 * 2 * math.Pi * transition * edge) / 2))
	r.taps = design(r.up, r.half, edge)
	r.buf = make([]float32, 2*r.half+chunk)
	r.reset()
	return r, nil
}

// Delay is how many input samples the filter looks ahead: output stays that
// far behind input until Flush. Output n is the signal at n/to seconds.
func (r *Resampler) Delay() int { return r.half }

// Append converts in and appends what is ready to out.
func (r *Resampler) Append(out, in []int16) []int16 {
	for len(in) > 0 {
		take := min(len(in), len(r.buf)-r.n)
		for i, s := range in[:take] {
			r.buf[r.n+i] = float32(s)
		}
		r.n += take
		in = in[take:]
		out = r.run(out, r.n)
	}
	return out
}

// Flush appends what the filter still holds, as if silence followed, and makes
// the Resampler ready for another signal. In all, a signal of n samples gives
// n*to/from samples, rounded up.
func (r *Resampler) Flush(out []int16) []int16 {
	for left := r.half; left > 0; {
		take := min(left, len(r.buf)-r.n)
		clear(r.buf[r.n : r.n+take])
		r.n += take
		left -= take
		out = r.run(out, r.n)
	}
	r.reset()
	return out
}

func (r *Resampler) reset() {
	clear(r.buf[:r.half])
	r.n, r.at, r.phase = r.half, r.half, 0
}

// run makes every output whose input is complete in buf[:n], and moves what
// later outputs need to the front.
func (r *Resampler) run(out []int16, n int) []int16 {
	for r.at+r.half < n {
		x := r.buf[r.at-r.half+1 : r.at+r.half+1]
		out = append(out, round(dot(r.taps[r.phase], x)))
		r.phase += r.down
		r.at += r.phase / r.up
		r.phase %= r.up
	}
	if used := min(r.at-r.half, n); used > 0 {
		r.n = copy(r.buf, r.buf[used:n])
		r.at -= used
	}
	return out
}

func dot(h, x []float32) float32 {
	x = x[:len(h)]
	var a, b float32
	for i := 0; i+1 < len(h); i += 2 {
		a += h[i] * x[i]
		b += h[i+1] * x[i+1]
	}
	return a + b
}

func round(v float32) int16 {
	switch {
	case v >= math.MaxInt16:
		return math.MaxInt16
	case v <= math.MinInt16:
		return math.MinInt16
	case v < 0:
		return int16(v - 0.5)
	default:
		return int16(v + 0.5)
	}
}

// design samples a Kaiser-windowed sinc with its -6 dB point at edge cycles
// per input sample. Tap k of phase p weighs the input sample that lies
// half-1-k+p/up after the output's place.
func design(up, half int, edge float64) [][]float32 {
	beta := 0.1102 * (stopband - 8.7)
	taps := make([][]float32, up)
	for p := range taps {
		h := make([]float64, 2*half)
		sum := 0.0
		for k := range h {
			t := float64(half-1-k) + float64(p)/float64(up)
			u := t / float64(half)
			h[k] = sinc(2*edge*t) * bessel(beta*math.Sqrt(max(0, 1-u*u)))
			sum += h[k]
		}
		taps[p] = make([]float32, len(h))
		for k := range h {
			taps[p][k] = float32(h[k] / sum)
		}
	}
	return taps
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// bessel is the modified Bessel function of the first kind, order zero.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1; term > sum*1e-12; k++ {
		term *= x * x / 4 / float64(k*k)
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
