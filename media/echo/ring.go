package echo

import "trunkline/media"

// How many frames are kept of both directions: of the near end, what a new
// filter is trained with, and of the far end as much again as the latest echo
// and the filter take.
const (
	nearFrames = 28                                           // 560 ms
	farFrames  = nearFrames + maxDelay/block + partitions + 2 // 1.28 s
)

// ring keeps the last frames of one direction.
type ring []media.Frame

func newRing(frames int) ring { return make(ring, frames) }

// put stores frame number n.
func (r ring) put(n int, f *media.Frame) { r[n%len(r)] = *f }

// read copies samples from number at on to x. Those before the call are zero.
func (r ring) read(x []float32, at int) {
	for len(x) > 0 {
		if at < 0 {
			x[0] = 0
			x, at = x[1:], at+1
			continue
		}
		f := r[at/block%len(r)][at%block:]
		n := min(len(f), len(x))
		for i, v := range f[:n] {
			x[i] = float32(v)
		}
		x, at = x[n:], at+n
	}
}

// decimate writes every fourth sample of those up to number end to x, behind
// a low-pass filter: sums of eight.
func (r ring) decimate(x []float32, end int) {
	at := end - len(x)*decimation
	var last int32
	for i := range x {
		var sum int32
		if at >= 0 {
			f := r[at/block%len(r)][at%block:][:decimation]
			sum = int32(f[0]) + int32(f[1]) + int32(f[2]) + int32(f[3])
		}
		x[i] = float32(sum + last)
		last = sum
		at += decimation
	}
}
