package dtmf

import (
	"math"
	"math/cmplx"
	"time"

	"trunkline/media"
)

// The limits of a tone pair. ITU-T Q.24 lists what administrations ask for;
// each limit lies between what must be taken and what must be refused.
const (
	// deviation is how far a tone may be off its frequency: ±1.5 % are to be
	// taken, ±3.5 % refused.
	deviation = 0.025
	// normalTwist and reverseTwist are how much weaker than the row the
	// column may be, and the other way round, as power ratios: 8 and 4 dB are
	// to be taken.
	normalTwist, reverseTwist = 11.0, 4.0 // 10.4 dB, 6 dB
	// weakest is the power of the weaker tone: -36 dBm0.
	weakest = media.ZeroDBm0 * 2.5e-4
	// purity is the share of a window's power that the two tones must have.
	// It keeps speech out, whose overtones take their share, and takes tones
	// that are 8 dB above the noise.
	purity = 0.78
	// steadiness is how much a tone's power may change between two windows
	// of one key: 3 dB.
	steadiness = 2.0

	// enough is how many windows in a row make a key: with a window of 15 ms
	// every tone of 40 ms has five or more, one of 23 ms three at most.
	enough = 4
	// gone is how many windows without the key end it: a gap of 10 ms does
	// not, a pause of 40 ms does.
	gone = 5
)

// Detector finds the keys that are pressed in band. The zero value is ready.
type Detector struct {
	ring    [span]spectrum // the latest hops, the newest at index at
	energy  [span]float64
	at      int
	now     spectrum // of the window that ends here
	quiet   int      // hops without a sound since the last sound
	run     run      // of windows with the same key
	pressed byte     // the key that is down; 0: none
	held    int      // windows since its first one
	misses  int      // windows since its last one
}

// run is a row of windows with the same two tones.
type run struct {
	key      byte
	length   int
	row, col complex128 // the sums of the phase steps
	powers   [2]float64 // of the latest window
}

// Heard is what a frame told.
type Heard struct {
	// Tone says that the frame holds, or may hold, the tone of a key, and is
	// not for a listener who wants words. A key's first 20 ms at most, before
	// its first full window, go without it.
	Tone bool
	// Pressed is the key that was found in this frame, 25 to 55 ms after its
	// tone began; 0 when there was none.
	Pressed byte
	// Released is the key press that ended, 25 to 45 ms ago. Its Key is 0
	// when none did.
	Released media.Digit
}

// Step takes the next 20 ms.
func (d *Detector) Step(f *media.Frame) Heard {
	var h Heard
	for i := range hops {
		d.step(f[i*hop:(i+1)*hop], &h)
	}
	return h
}

// Reset forgets the audio so far, as at the start of another stream. A key
// that is down is not told.
func (d *Detector) Reset() { *d = Detector{} }

// silence is the energy of a hop that cannot belong to a key: both tones at
// 3 dB below the weakest.
const silence = hop * weakest / 2

// step takes one hop.
func (d *Detector) step(x []int16, h *Heard) {
	e := energy(x)
	if e < silence {
		if d.quiet++; d.quiet > span+gone && d.pressed == 0 {
			return // nothing has changed since
		}
	} else {
		d.quiet = 0
	}
	d.at = (d.at + 1) % span
	d.energy[d.at] = e
	if d.quiet < span {
		goertzel(x, &d.ring[d.at])
	} else {
		d.ring[d.at] = spectrum{}
	}
	d.follow(d.window(), h)
}

// window looks at the window that ends with the latest hop, and extends or
// ends the run. It returns the key of the window; 0 when there is none.
func (d *Detector) window() byte {
	total := d.energy[0] + d.energy[1] + d.energy[2]
	before := d.now
	if total < span*silence {
		d.now, d.run = spectrum{}, run{}
		return 0
	}
	for i := range d.now {
		b := &bins[i]
		d.now[i] = d.ring[d.at][i] +
			d.ring[(d.at+span-1)%span][i]*b.age[1] +
			d.ring[(d.at+span-2)%span][i]*b.age[2]
	}
	row, col := strongest(&d.now, 0), strongest(&d.now, 4)
	// A sine of amplitude A has the power A²/2 and the magnitude A·window/2.
	// Tones at the limit of their frequencies keep half of it.
	const toPower = 2.0 / window // over the whole window, as total
	if toPower*(power(d.now[row])+power(d.now[col])) < purity/2*total {
		d.run = run{}
		return 0
	}
	return d.judge(row, col, &before, total)
}

// strongest is the strongest of the four tones from first on.
func strongest(s *spectrum, first int) int {
	best, most := first, 0.0
	for i := first; i < first+4; i++ {
		if p := power(s[i]); p > most {
			best, most = i, p
		}
	}
	return best
}

// judge applies the limits to the two strongest tones of a window.
func (d *Detector) judge(row, col int, before *spectrum, total float64) byte {
	key := layout[row*4+col-4]
	next := run{key: key, length: 1}
	next.row = step(d.now[row], before[row], row)
	next.col = step(d.now[col], before[col], col)
	if d.run.key == key {
		next.length += d.run.length
		if d.run.length > 1 { // the first step came from a window that was half empty
			next.row += d.run.row
			next.col += d.run.col
		}
	}
	rowOff, colOff := offset(next.row), offset(next.col)
	rowPower := 2 * power(d.now[row]) / (window * window) / sag(rowOff)
	colPower := 2 * power(d.now[col]) / (window * window) / sag(colOff)
	next.powers = [2]float64{rowPower, colPower}
	switch {
	case min(rowPower, colPower) < weakest,
		colPower*normalTwist < rowPower,
		rowPower*reverseTwist < colPower,
		(rowPower+colPower)*window < purity*total:
	case next.length >= enough && (math.Abs(rowOff) > deviation*bins[row].hertz || math.Abs(colOff) > deviation*bins[col].hertz):
	case next.length > 2 && (!steady(rowPower, d.run.powers[0]) || !steady(colPower, d.run.powers[1])):
	default:
		d.run = next
		return key
	}
	d.run = run{}
	return 0
}

// step is by how much the phase of tone i went faster in one hop than it
// would at its own frequency, as the angle of a complex number.
func step(now, before complex128, i int) complex128 {
	return now * cmplx.Conj(before*bins[i].age[1])
}

// offset is the difference in Hz that phase steps tell.
func offset(steps complex128) float64 {
	return cmplx.Phase(steps) / (2 * math.Pi) * media.SampleRate / hop
}

// sag is the share of its power that a tone off a bin's middle keeps there.
func sag(hertz float64) float64 {
	x := math.Pi * hertz * window / media.SampleRate
	if math.Abs(x) < 1e-6 {
		return 1
	}
	s := math.Sin(x) / x
	return max(s*s, 0.25)
}

func steady(a, b float64) bool { return a < b*steadiness && b < a*steadiness }

// follow takes the key of the latest window.
func (d *Detector) follow(key byte, h *Heard) {
	if key != 0 {
		h.Tone = true
	}
	if d.pressed != 0 {
		h.Tone = true
		d.held++
		if key == d.pressed {
			d.misses = 0
			return
		}
		d.misses++
		if d.misses < gone && d.run.length < enough {
			return
		}
		d.release(h)
	}
	if d.run.length < enough {
		return
	}
	d.pressed, d.held, d.misses = key, d.run.length, 0
	h.Pressed = key
}

// release ends the key that is down.
func (d *Detector) release(h *Heard) {
	windows := d.held - d.misses
	h.Released = media.Digit{
		Key:      d.pressed,
		Duration: time.Duration(windows-1+span) * hop * time.Second / media.SampleRate,
	}
	d.pressed, d.held, d.misses = 0, 0, 0
}
