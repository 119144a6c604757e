package clean

import (
	"math"
	"sync"

	"trunkline/media"
	"trunkline/media/fft"
)

// Sizes of the analysis: windows of 30 ms every 10 ms.
const (
	hop    = media.FrameSamples / 2
	window = 3 * hop
	points = 256 // of the transform; the window is padded with zeros
	bins   = points/2 + 1
)

// plan is the transform of all Cleaners.
var plan = sync.OnceValue(func() *fft.Transform { return fft.New(points) })

// shape is the root of a Hann window: applied before and after, windows a hop
// apart add up to windowSum.
var shape = func() (w [window]float32) {
	for i := range w {
		w[i] = float32(math.Sin(math.Pi * (float64(i) + 0.5) / window))
	}
	return w
}()

// windowSum is what overlapping squared windows add up to: the mean of a
// squared sine, three times.
const windowSum = 1.5

// spectrum is the memory of a transform.
type spectrum struct {
	time [points]float32
	bin  [bins]complex64
	work fft.Work
}

// of computes the bins of a window's samples.
func (s *spectrum) of(x *[window]float32) {
	for i, v := range x {
		s.time[i] = v * shape[i]
	}
	clear(s.time[window:])
	plan().Forward(s.bin[:], s.time[:], s.work)
}

func power(x complex64) float32 { return real(x)*real(x) + imag(x)*imag(x) }

// Tuning of the noise's estimate (T. Gerkmann and R. C. Hendriks, "Unbiased
// MMSE-based noise power estimation with low complexity and low tracking
// delay", IEEE TASLP 20(4), 2012).
const (
	expected   = 31.6 // signal-to-noise ratio of a bin with speech: 15 dB
	noiseKeep  = 0.85 // weight of the estimate before, per frame
	doubtKeep  = 0.9  // smoothing of a bin's probability of speech
	sureSpeech = 0.99 // a bin that seems to be speech for long is rather noise
	firstNoise = 10   // frames over which the first estimate is a plain mean
	leastNoise = 1e-2 // power of a bin: far below one bit of the audio

	// Noise is known after so many frames in a row without speech or surprise.
	// From then on one frame in seldom is looked at.
	known  = 50
	seldom = 4
)

// noise follows the power spectrum of a call's noise, through speech.
type noise struct {
	tail   [hop]int16 // the end of the frame before
	spec   spectrum
	power  [bins]float32
	speech [bins]float32 // smoothed probability of speech
	frames int
	alike  int     // frames in a row that were no speech and no surprise
	passed int     // frames since one was looked at
	above  float32 // the frame's mean power over the noise's, per bin
}

// likelies is the probability of speech in a bin by how many times its power
// exceeds the noise's, in steps of 1/likelySteps. From likelyEnd on it is 1.
var likelies = func() (t [likelyEnd*likelySteps + 1]float32) {
	const slope = expected / (1 + expected)
	for i := range t {
		t[i] = float32(1 / (1 + (1+expected)*math.Exp(-slope*float64(i)/likelySteps)))
	}
	return t
}()

const (
	likelySteps = 32
	likelyEnd   = 16
)

func likelihood(over float32) float32 {
	at := over * likelySteps
	i := uint(at)
	if i >= likelyEnd*likelySteps {
		return 1
	}
	return likelies[i] + (at-float32(i))*(likelies[i+1]-likelies[i])
}

// hear takes the next frame, and reports whether it taught anything. Digital
// silence does not, and of noise that is known only every fourth frame is
// looked at: most of a call passes between talkspurts, in noise as before.
func (n *noise) hear(f *media.Frame, voiced bool) bool {
	tail := n.tail
	n.tail = [hop]int16(f[media.FrameSamples-hop:])
	if voiced {
		n.alike = 0
	}
	if n.passed++; n.alike >= known && n.passed < seldom || *f == (media.Frame{}) {
		return false
	}
	n.passed = 0
	var latest [window]float32
	for i, v := range tail {
		latest[i] = float32(v)
	}
	for i, v := range f {
		latest[hop+i] = float32(v)
	}
	n.spec.of(&latest)
	n.frames++
	if n.frames <= firstNoise {
		share := 1 / float32(n.frames)
		for k, x := range n.spec.bin {
			n.power[k] = max(n.power[k]+share*(power(x)-n.power[k]), leastNoise)
		}
		return true
	}
	above := float32(0)
	for k, x := range n.spec.bin {
		p := power(x)
		over := min(p/n.power[k], 100)
		above += over
		likely := likelihood(over)
		n.speech[k] = doubtKeep*n.speech[k] + (1-doubtKeep)*likely
		if n.speech[k] > sureSpeech {
			likely = min(likely, sureSpeech)
		}
		seen := likely*n.power[k] + (1-likely)*p
		n.power[k] = max(noiseKeep*n.power[k]+(1-noiseKeep)*seen, leastNoise)
	}
	n.above = above / bins
	n.alike++
	return true
}

// settled reports whether the noise is known well enough to be compared with.
func (n *noise) settled() bool { return n.frames > firstNoise && n.above > 0 }
