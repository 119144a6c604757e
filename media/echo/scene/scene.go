package scene

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/speech"
)

const block = media.FrameSamples

// Setup describes a call. The zero values of all but Length are usable.
type Setup struct {
	Seed   uint64        // of speech, path and noise
	Length time.Duration // of the call
	Delay  time.Duration // of the echo's path, 0 to 600 ms
	ERL    float64       // echo return loss in dB
	Gap    time.Duration // between two lines of the agent's; 0: 400 ms
	// Loudspeaker distorts what the far end plays before its path; nil does
	// not.
	Loudspeaker func(sample float32) float32
}

// Scene is a call: samples of equal length, at the scale of 16 bits.
type Scene struct {
	Setup

	Far  []float32 // what the agent says
	Echo []float32 // of Far, in the caller's direction
	Near []float32 // what the caller says; nil for nothing
	Line []float32 // noise of the line
}

// lineNoise is the noise's standard deviation: -78 dBov.
const lineNoise = 4

// New makes a call in which the agent speaks and the caller does not.
func New(s Setup) (*Scene, error) {
	if s.Gap == 0 {
		s.Gap = 400 * time.Millisecond
	}
	far, err := Speech(Agent, s.Seed, s.Length, s.Gap)
	if err != nil {
		return nil, err
	}
	c := &Scene{Setup: s, Far: far, Line: White(len(far), lineNoise, s.Seed)}
	c.Echo = c.echoed(s.Seed, s.Delay, s.ERL)
	return c, nil
}

// echoed is the echo of what the agent says by path number path.
func (s *Scene) echoed(path uint64, delay time.Duration, erl float64) []float32 {
	far := Coded(s.Far)
	if s.Loudspeaker != nil {
		for i, v := range far {
			far[i] = s.Loudspeaker(v)
		}
	}
	return Echoed(far, Path(path), delay, erl)
}

// Reflect makes the echo anew, as after a change of what the agent says.
func (s *Scene) Reflect() { s.Echo = s.echoed(s.Seed, s.Delay, s.ERL) }

// Change gives the echo another path from a time on.
func (s *Scene) Change(from time.Duration, path uint64, delay time.Duration, erl float64) {
	at := Samples(from)
	copy(s.Echo[at:], s.echoed(path, delay, erl)[at:])
}

// Interrupt lets the caller speak for 1.5 s over the agent every 4 to 6 s from
// the third second on, at level dBov, and returns the samples at which they
// begin.
func (s *Scene) Interrupt(level float64) (at []int, err error) {
	r := rand.New(rand.NewPCG(s.Seed, 9))
	s.Near = make([]float32, len(s.Far))
	pause := func() int { return 4*media.SampleRate + r.IntN(2*media.SampleRate) }
	for p := pause() - media.SampleRate; p+2*media.SampleRate < len(s.Near); p += pause() {
		x, err := Speech(Caller, r.Uint64(), 1500*time.Millisecond, 2*time.Second)
		if err != nil {
			return nil, err
		}
		copy(s.Near[p:], Scaled(x, level))
		at = append(at, p)
	}
	return at, nil
}

// Talk lets the caller speak from one time to another.
func (s *Scene) Talk(from, to time.Duration) error {
	x, err := Speech(Caller, s.Seed+50, s.Length, 500*time.Millisecond)
	if err != nil {
		return err
	}
	clear(x[:Samples(from)])
	clear(x[Samples(to):])
	s.Near = x
	return nil
}

// Received is what the telephone line brings.
func (s *Scene) Received() []float32 {
	x := make([]float32, len(s.Far))
	for i := range x {
		x[i] = s.Echo[i] + s.Line[i]
		if s.Near != nil {
			x[i] += s.Near[i]
		}
	}
	return Coded(x)
}

// Each hands the call to do, frame by frame: i is the number of the first
// sample, near what came from the line, far what the agent sent. do may change
// both.
func (s *Scene) Each(do func(i int, near, far *media.Frame)) {
	x := s.Received()
	for i := 0; i+block <= len(x); i += block {
		near, far := Frame(x, i), Frame(s.Far, i)
		do(i, &near, &far)
	}
}

// A Voice chooses recordings by their names.
type Voice func(name string) bool

// Agent and Caller are two voices: recordings that are not each other's.
func Agent(name string) bool { return strings.HasPrefix(name, "awb-") }

// Caller is every voice but the Agent's.
func Caller(name string) bool {
	return !Agent(name) && !strings.HasPrefix(name, "cough") && !strings.HasPrefix(name, "room")
}

// Speech is d of a voice's recordings in random order, at -20 dBov while
// someone speaks, with pauses of gap between them.
func Speech(v Voice, seed uint64, d, gap time.Duration) ([]float32, error) {
	all, err := recordings()
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range all {
		if v(name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("scene: no recording of the voice")
	}
	slices.Sort(names)
	r := rand.New(rand.NewPCG(seed, 1))
	n := Samples(d)
	out := make([]float32, 0, n)
	for len(out) < n {
		out = append(out, all[names[r.IntN(len(names))]]...)
		out = append(out, make([]float32, Samples(gap))...)
	}
	return out[:n], nil
}

// recordings are all recordings at -20 dBov by name.
var recordings = sync.OnceValues(func() (map[string][]float32, error) {
	all, err := speech.Recordings()
	if err != nil {
		return nil, err
	}
	out := make(map[string][]float32, len(all))
	for name, x := range all {
		y := make([]float32, len(x))
		for i, v := range x {
			y[i] = float32(v)
		}
		out[name] = Scaled(y, -20)
	}
	return out, nil
})

// Scaled brings x to level dBov, pauses left out. It changes x.
func Scaled(x []float32, level float64) []float32 {
	const pause = 100 * 100 // mean square, -50 dBov
	var sum float64
	n := 1
	for i := 0; i+block <= len(x); i += block {
		if e := Energy(x[i : i+block]); e > pause*block {
			sum += e
			n += block
		}
	}
	g := float32(math.Pow(10, level/20) * 32768 / math.Sqrt(sum/float64(n)+1))
	for i := range x {
		x[i] *= g
	}
	return x
}

// White is n samples of white noise of the given standard deviation.
func White(n int, sigma float64, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(sigma * r.NormFloat64())
	}
	return x
}

// Coded is x after a trip by µ-law.
func Coded(x []float32) []float32 {
	y := make([]int16, len(x))
	for i, v := range x {
		y[i] = int16(max(-32768, min(32767, math.Round(float64(v)))))
	}
	out := make([]float32, len(x))
	for i, v := range speech.Coded(y, g711.PCMU) {
		out[i] = float32(v)
	}
	return out
}

// Frame is the block of x from sample i on.
func Frame(x []float32, i int) (f media.Frame) {
	for j := range f {
		f[j] = int16(max(-32768, min(32767, x[i+j])))
	}
	return f
}

// Samples is the number of them in d.
func Samples(d time.Duration) int { return int(media.SamplesIn(d)) }
