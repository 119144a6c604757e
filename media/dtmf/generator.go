package dtmf

import (
	"fmt"
	"math"
	"time"

	"trunkline/media"
)

const (
	// rowLevel and columnLevel are what we send, in dBm0: the column is
	// 2 dB stronger, for lines weaken it more.
	rowLevel, columnLevel = -10.0, -8.0

	// shortest is the shortest tone and pause that receivers must notice
	// (ITU-T Q.24: 40 ms).
	shortest = 40 * time.Millisecond

	// ramp is the length of the raised-cosine edges of a tone: 2 ms. A hard
	// edge clicks and looks like other frequencies.
	ramp = 16

	// keysWaiting bounds what waits in a Generator.
	keysWaiting = 32
)

// Generator makes the audio of keys, for doors that cannot send events. The
// zero value is ready.
type Generator struct {
	waiting [keysWaiting]press
	head    int
	count   int

	at     int // samples since the tone began
	length int // samples in the tone
	rest   int // samples in the tone and the pause after it; 0: nothing is sent
	row    oscillator
	column oscillator
}

// press is a key to be sent.
type press struct {
	key           byte
	tone, silence int // samples
}

// Press queues a key, held for tone and followed by pause; each is 40 ms at
// least. It returns an error for what is no key, and when 32 are waiting.
func (g *Generator) Press(key byte, tone, pause time.Duration) error {
	switch {
	case !IsKey(key):
		return fmt.Errorf("dtmf: %q is no telephone key: want 0-9, *, # or A-D", key)
	case g.count == keysWaiting:
		return fmt.Errorf("dtmf: %d keys are waiting already", keysWaiting)
	}
	g.waiting[(g.head+g.count)%keysWaiting] = press{
		key:     key,
		tone:    int(media.SamplesIn(max(tone, shortest))),
		silence: int(media.SamplesIn(max(pause, shortest))),
	}
	g.count++
	return nil
}

// Next fills f with the next 20 ms. It reports false, and leaves f as it is,
// when no key is being sent.
func (g *Generator) Next(f *media.Frame) bool {
	if g.rest == 0 && g.count == 0 {
		return false
	}
	for i := range f {
		if g.at == g.rest && !g.begin() {
			clear(f[i:])
			break
		}
		f[i] = g.sample()
		g.at++
	}
	return true
}

// begin starts the next key that waits.
func (g *Generator) begin() bool {
	g.at, g.rest = 0, 0
	if g.count == 0 {
		return false
	}
	p := g.waiting[g.head]
	g.head = (g.head + 1) % keysWaiting
	g.count--
	row, column, _ := frequencies(p.key)
	g.row, g.column = newOscillator(row, rowLevel), newOscillator(column, columnLevel)
	g.length, g.rest = p.tone, p.tone+p.silence
	return true
}

func (g *Generator) sample() int16 {
	if g.at >= g.length {
		return 0
	}
	s := g.row.next() + g.column.next()
	if edge := min(g.at, g.length-1-g.at); edge < ramp {
		s *= (1 - math.Cos(math.Pi*float64(edge)/ramp)) / 2
	}
	return int16(math.Round(s))
}

// oscillator makes a sine by the recurrence of a turning pointer.
type oscillator struct{ coefficient, a, b float64 }

func newOscillator(hertz, dBm0 float64) oscillator {
	w := 2 * math.Pi * hertz / media.SampleRate
	amplitude := math.Sqrt(2 * media.ZeroDBm0 * math.Pow(10, dBm0/10))
	return oscillator{coefficient: 2 * math.Cos(w), a: 0, b: -amplitude * math.Sin(w)}
}

func (o *oscillator) next() float64 {
	s := o.a
	o.a, o.b = o.coefficient*o.a-o.b, o.a
	return s
}
