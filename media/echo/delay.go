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

// correlator is the memory of one comparison. Calls share some.
type correlator struct {
	far, near         [window]float32
	farBins, nearBins [window/2 + 1]complex64
	work              fft.Work
}

// correlate is the transform of a window.
var correlate = sync.OnceValue(func() *fft.Transform { return fft.New(window) })

var correlators = sync.Pool{New: func() any { return &correlator{work: fft.NewWork(window)} }}

// correlation sums comparisons; the newest counts most.
type correlation [lags]float32

// keep is the weight of the comparisons before.
const keep = 0.8

// add compares the last n samples of near with far; both end at sample end.
// It returns the lag of the best fit so far, in samples, and how far it stands
// out: its height over the root mean square of the others.
func (sum *correlation) add(far, near ring, end, n int) (lag int, height float64) {
	c := correlators.Get().(*correlator) //nolint:errcheck,forcetypeassert // New makes nothing else
	defer correlators.Put(c)
	n = min(n/decimation, maxNear)
	far.decimate(c.far[:], end)
	clear(c.near[:window-n])
	near.decimate(c.near[window-n:], end)
	f := correlate()
	f.Forward(c.farBins[:], c.far[:], c.work)
	f.Forward(c.nearBins[:], c.near[:], c.work)
	c.whiten()
	f.Inverse(c.far[:], c.nearBins[:], c.work)
	return sum.peak(c.far[:lags])
}

// whiten replaces nearBins by the cross-spectrum, all of whose bins count
// alike, but for those with next to nothing in them.
func (c *correlator) whiten() {
	var mean float32
	for k := lowBin; k < highBin; k++ {
		x, y := c.farBins[k], c.nearBins[k]
		z := complex(real(x)*real(y)+imag(x)*imag(y), real(x)*imag(y)-imag(x)*real(y))
		c.nearBins[k] = z
		mean += float32(math.Sqrt(float64(real(z)*real(z) + imag(z)*imag(z))))
	}
	mean = mean/(highBin-lowBin) + 1e-20
	clear(c.nearBins[:lowBin])
	clear(c.nearBins[highBin:])
	for k := lowBin; k < highBin; k++ {
		z := c.nearBins[k]
		a := float32(math.Sqrt(float64(real(z)*real(z)+imag(z)*imag(z)))) + whitening*mean
		c.nearBins[k] = complex(real(z)/a, imag(z)/a)
	}
}

// peak adds r and finds the highest point of the sum. An echo may come back
// upside down.
func (sum *correlation) peak(r []float32) (lag int, height float64) {
	var best, total float32
	for i, v := range r[:lags] {
		v += keep * sum[i]
		sum[i] = v
		total += v * v
		if v = max(v, -v); v > best {
			best, lag = v, i
		}
	}
	others := lags
	for i := max(0, lag-guard); i < min(lags, lag+guard+1); i++ {
		total -= sum[i] * sum[i]
		others--
	}
	if total <= 0 {
		return 0, 0
	}
	return lag * decimation, float64(best) / math.Sqrt(float64(total)/float64(others))
}
