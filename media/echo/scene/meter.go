package scene

import (
	"math"

	"trunkline/media"
)

// audible is the mean square of the softest echo that can be heard, -60 dBov.
const audible = 33 * 33

// Meter measures what is left of the echo in part of a call.
type Meter struct {
	echo, rest float64
	frames     int
}

// Add counts a frame if there is an echo in it that can be heard. echo begins
// with the frame's first sample; out is what left the canceller.
func (m *Meter) Add(echo []float32, out *media.Frame) {
	e := Energy(echo[:block])
	if e < block*audible {
		return
	}
	m.frames++
	m.echo += e
	for _, v := range out {
		m.rest += float64(v) * float64(v)
	}
}

// ERLE is the echo return loss enhancement in dB: by how much the echo was
// above what is left.
func (m *Meter) ERLE() float64 { return DB(m.echo, m.rest) }

// Residual is the level of what is left in dBov.
func (m *Meter) Residual() float64 {
	return DB(m.rest, 32768*32768*block*float64(max(m.frames, 1)))
}

// Before is the level of the echo in dBov.
func (m *Meter) Before() float64 {
	return DB(m.echo, 32768*32768*block*float64(max(m.frames, 1)))
}

// Distortion measures what was done to the caller's speech.
type Distortion struct{ speech, wrong float64 }

// Add counts a frame: want is what should have left the canceller.
func (d *Distortion) Add(want []float32, out *media.Frame) {
	for i, v := range out {
		n := float64(want[i])
		d.speech += n * n
		d.wrong += (float64(v) - n) * (float64(v) - n)
	}
}

// SDR is by how many dB the speech is above what is wrong with it.
func (d *Distortion) SDR() float64 { return DB(d.speech, d.wrong) }

// Energy is the sum of squares.
func Energy(x []float32) (sum float64) {
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

// DB is a over b in dB.
func DB(a, b float64) float64 { return 10 * math.Log10((a+1e-9)/(b+1e-9)) }
