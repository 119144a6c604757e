package echo

import (
	"math"
	"sync"

	"trunkline/media"
	"trunkline/media/fft"
)

// Sizes of the correlation.
const (
	decimation = 4                                        // to 2 kHz; a voice has most of its power below 1 kHz
	window     = 2048                                     // samples of a transform, 1.024 s
	maxDelay   = media.SampleRate * 6 / 10                // the latest echo, 600 ms
	lags       = maxDelay / decimation                    // delays that are compared
	maxNear    = window - lags                            // samples of the near end that see all lags, 424 ms
	whitening  = 0.3                                      // share of the mean below which a bin counts less
	guard      = 4 * media.SampleRate / decimation / 1000 // lags around a peak that belong to it, 4 ms
)

// Of the correlation's bins, those that a telephone line passes.
const (
	lowBin  = 200 * decimation * window / media.SampleRate
	highBin = 950 * decimation * window / media.SampleRate
)

// correlate is the transform of a window.
var correlate = sync.OnceValue(func() *fft.Transform { return fft.New(window) })

// scratch is the memory of a step of a comparison, which calls share.
type scratch struct {
	x    [window]float32
	bins [window/2 + 1]complex64
	work fft.Work
}

var scratches = sync.Pool{New: func() any { return &scratch{work: fft.NewWork(window)} }}

// A comparison has three steps, one per frame, so that no frame bears the
// whole: the far end's spectrum, the cross-spectrum, the correlation.
const (
	takeFar = iota
	takeNear
	findPeak
)

// comparison sums correlations of both directions; the newest counts most.
type comparison struct {
	sum  [lags]float32
	step int
	end  int                     // sample after the last one compared
	bins [window/2 + 1]complex64 // of the far end, then of both
}

// keep is the weight of the correlations before.
const keep = 0.8

// begin makes the samples up to end the ones that are compared.
func (c *comparison) begin(end int) { c.step, c.end = takeFar, end }

// next takes the next step with the last n samples of near. After the last one
// done is true, lag the delay that fits best so far, in samples, and height
// how far it stands out: its height over the root mean square of the others.
func (c *comparison) next(far, near ring, n int) (lag int, height float64, done bool) {
	s := scratches.Get().(*scratch) //nolint:errcheck,forcetypeassert // New makes nothing else
	defer scratches.Put(s)
	f := correlate()
	switch c.step {
	case takeFar:
		far.decimate(s.x[:], c.end)
		f.Forward(c.bins[:], s.x[:], s.work)
	case takeNear:
		n = min(n/decimation, maxNear)
		clear(s.x[:window-n])
		near.decimate(s.x[window-n:], c.end)
		f.Forward(s.bins[:], s.x[:], s.work)
		whiten(&c.bins, &s.bins)
	case findPeak:
		f.Inverse(s.x[:], c.bins[:], s.work)
		lag, height = c.peak(s.x[:lags])
		return lag, height, true
	}
	c.step++
	return 0, 0, false
}

// forget drops what was summed.
func (c *comparison) forget() { clear(c.sum[:]) }

// whiten replaces far's spectrum by the cross-spectrum, all of whose bins
// count alike, but for those with next to nothing in them.
func whiten(far, near *[window/2 + 1]complex64) {
	var mean float32
	for k := lowBin; k < highBin; k++ {
		x, y := far[k], near[k]
		z := complex(real(x)*real(y)+imag(x)*imag(y), real(x)*imag(y)-imag(x)*real(y))
		far[k] = z
		mean += float32(math.Sqrt(float64(real(z)*real(z) + imag(z)*imag(z))))
	}
	mean = mean/(highBin-lowBin) + 1e-20
	clear(far[:lowBin])
	clear(far[highBin:])
	for k := lowBin; k < highBin; k++ {
		z := far[k]
		a := float32(math.Sqrt(float64(real(z)*real(z)+imag(z)*imag(z)))) + whitening*mean
		far[k] = complex(real(z)/a, imag(z)/a)
	}
}

// peak adds r and finds the highest point of the sum. An echo may come back
// upside down.
func (c *comparison) peak(r []float32) (lag int, height float64) {
	var best, total float32
	for i, v := range r[:lags] {
		v += keep * c.sum[i]
		c.sum[i] = v
		total += v * v
		if v = max(v, -v); v > best {
			best, lag = v, i
		}
	}
	others := lags
	for i := max(0, lag-guard); i < min(lags, lag+guard+1); i++ {
		total -= c.sum[i] * c.sum[i]
		others--
	}
	if total <= 0 {
		return 0, 0
	}
	return lag * decimation, float64(best) / math.Sqrt(float64(total)/float64(others))
}
