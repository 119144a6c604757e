package echo

import (
	"sync"

	"trunkline/media"
	"trunkline/media/fft"
)

// Sizes of the adaptive filter. A block is a frame, so that the filter adds no
// delay.
const (
	block      = media.FrameSamples
	bins       = block + 1 // of a transform of two blocks
	partitions = 4         // 640 taps, 80 ms
)

// Tuning of the adaptive filter.
const (
	overlap   = 0.5   // share of a transform that is new
	forget    = 0.998 // share of the path that is the same a frame later
	nearDecay = 0.6   // weight of the near-end spectrum before, per frame

	// coarse is the power per bin of what G.711 takes from a soft block: the
	// finest step of µ-law is 8. An echo below half a step comes back as
	// silence, and a filter that believed it would forget the path in every
	// pause of a line without noise.
	coarse = 4 * 4 * block
)

// prior is the variance of a new path by partition, as a share of the return
// loss: most of it comes soon after the delay.
var prior = [partitions]float32{1.5, 1.5, 0.4, 0.2}

// twoBlocks is the transform of two blocks.
var twoBlocks = sync.OnceValue(func() *fft.Transform { return fft.New(2 * block) })

// filter estimates the echo path: 640 taps behind the bulk delay.
//
// It is a Kalman filter per bin whose state is the path's spectrum. doubt is
// the variance of its error; it falls as the filter learns, and a bin whose
// doubt is small or whose error is mostly near-end speech learns slowly.
type filter struct {
	far   [2 * block]float32          // the last two blocks of the reference
	spec  [partitions][bins]complex64 // of the reference, newest at newest
	power [partitions][bins]float32   // |spec|²
	path  [partitions][bins]complex64 // the echo path by age of the reference
	doubt [partitions][bins]float32   // variance of path
	near  [bins]float32               // power spectrum of what is not echo
	sum   [bins]complex64             // spectrum of the echo, then of the error
	time  [2 * block]float32
	work  fft.Work

	newest    int // partition with the newest spectrum
	constrain int // partition whose tail is cut next
}

func newFilter() *filter {
	return &filter{work: fft.NewWork(2 * block)}
}

// reset forgets the path. loss is the power of the echo as a share of the far
// end's, as far as it can be guessed.
func (f *filter) reset(loss float32) {
	clear(f.path[:])
	for p := range f.doubt {
		for k := range f.doubt[p] {
			f.doubt[p][k] = prior[p] * loss
		}
	}
	clear(f.near[:])
	f.flush()
}

// flush forgets the reference, and keeps the path.
func (f *filter) flush() {
	clear(f.far[:])
	clear(f.spec[:])
	clear(f.power[:])
}

// push takes the next block of the reference.
func (f *filter) push(far *[block]float32) {
	copy(f.far[:block], f.far[block:])
	copy(f.far[block:], far[:])
	f.newest = (f.newest + partitions - 1) % partitions
	spec := &f.spec[f.newest]
	twoBlocks().Forward(spec[:], f.far[:], f.work)
	power := &f.power[f.newest]
	for k, x := range spec {
		power[k] = real(x)*real(x) + imag(x)*imag(x)
	}
}

// echo writes the echo of the reference to y.
func (f *filter) echo(y *[block]float32) {
	for p := range partitions {
		x, w, sum := &f.spec[(f.newest+p)%partitions], &f.path[p], &f.sum
		if p == 0 {
			for k := range sum {
				sum[k] = fft.Mul(x[k], w[k])
			}
			continue
		}
		for k := range sum {
			sum[k] += fft.Mul(x[k], w[k])
		}
	}
	twoBlocks().Inverse(f.time[:], f.sum[:], f.work)
	copy(y[:], f.time[block:])
}

// learn corrects the path by e, what was left of the block after its echo was
// taken away.
func (f *filter) learn(e *[block]float32) {
	clear(f.time[:block])
	copy(f.time[block:], e[:])
	twoBlocks().Forward(f.sum[:], f.time[:], f.work)
	var gain [bins]float32
	for p := range partitions {
		power, doubt := &f.power[(f.newest+p)%partitions], &f.doubt[p]
		for k := range gain {
			gain[k] += power[k] * doubt[k]
		}
	}
	for k := range gain {
		r, i := real(f.sum[k]), imag(f.sum[k])
		err := r*r + i*i
		near := nearDecay*f.near[k] + (1-nearDecay)*err
		f.near[k] = near
		gain[k] = 1 / (overlap*gain[k] + near + coarse)
	}
	for p := range partitions {
		q := (f.newest + p) % partitions
		x, power, doubt, w := &f.spec[q], &f.power[q], &f.doubt[p], &f.path[p]
		for k := range gain {
			g := doubt[k] * gain[k]
			x, e := x[k], f.sum[k]
			// the gradient is conj(x) e
			re := real(w[k]) + g*(real(x)*real(e)+imag(x)*imag(e))
			im := imag(w[k]) + g*(real(x)*imag(e)-imag(x)*real(e))
			w[k] = complex(re, im)
			doubt[k] = forget*forget*(1-overlap*g*power[k])*doubt[k] + (1-forget*forget)*(re*re+im*im)
		}
	}
	f.cut(f.constrain)
	f.constrain = (f.constrain + 1) % partitions
}

// cut makes partition p a path of one block, which the circular correction
// had lengthened to two.
func (f *filter) cut(p int) {
	twoBlocks().Inverse(f.time[:], f.path[p][:], f.work)
	clear(f.time[block:])
	twoBlocks().Forward(f.path[p][:], f.time[:], f.work)
}
