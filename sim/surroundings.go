package sim

import (
	"math"
	"math/rand/v2"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
)

// noise is a steady noise of unit power.
type noise struct {
	kind string
	rnd  *rand.Rand
	pink [3]float64
	beat [babblers]float64 // where each voice of the babble is in its syllable
	hum  [babblers]float64
}

// babblers is how many voices a babble has: enough that none is understood.
const babblers = 8

func newNoise(kind string, seed uint64) *noise {
	n := &noise{kind: kind, rnd: rand.New(rand.NewPCG(seed, 0x6e6f697365))}
	for i := range n.beat {
		n.beat[i], n.hum[i] = n.rnd.Float64(), n.rnd.Float64()
	}

	return n
}

// next is one sample.
func (n *noise) next() float64 {
	white := n.rnd.NormFloat64()
	switch n.kind {
	case "pink":
		// Three one-pole filters an octave and a half apart approximate 3 dB an
		// octave; the factor makes the power one.
		n.pink[0] = 0.99765*n.pink[0] + white*0.0990460
		n.pink[1] = 0.96300*n.pink[1] + white*0.2965164
		n.pink[2] = 0.57000*n.pink[2] + white*1.0526913

		return (n.pink[0] + n.pink[1] + n.pink[2] + white*0.1848) * 0.4
	case "babble":
		// Hoarse voices at pitches of their own, in syllables of about 200 ms.
		sum := 0.0
		for i := range n.hum {
			n.hum[i] += (95 + 17*float64(i)) / media.SampleRate
			n.beat[i] += (4 + 0.3*float64(i)) / media.SampleRate
			_, phase := math.Modf(n.hum[i])
			sum += (1 - 2*phase) * max(0, math.Sin(2*math.Pi*n.beat[i]))
		}

		return 1.17*sum + 0.2*white
	default:
		return white
	}
}

// add mixes the noise into samples; amplitude is its root mean square.
func (n *noise) add(samples []int16, amplitude float64) {
	for i, s := range samples {
		samples[i] = clip16(float64(s) + n.next()*amplitude)
	}
}

func clip16(v float64) int16 {
	return int16(min(max(math.Round(v), math.MinInt16), math.MaxInt16))
}

// room is what lies between the caller's mouth and the line: noise, the echo
// of what the caller hears, and G.711. It steps once per frame.
type room struct {
	noise     *noise
	amplitude float64
	heard     []int16 // the agent's audio, the latest last, as long as the echo's delay
	loss      float64 // factor of the echo; 0: none
	law       bool
}

func newRoom(s *Scenario, seed uint64) *room {
	r := &room{law: true}
	if n := s.Who.Noise; n != nil {
		r.noise = newNoise(n.Kind, seed)
		r.amplitude = math.Pow(10, (s.Who.Level-n.SNR)/20) * overload
	}
	if e := s.Line.Echo; e != nil {
		// What is heard in one tick can be sent with the next at the earliest.
		r.heard = make([]int16, max(media.SamplesIn(e.Delay), media.FrameSamples))
		r.loss = math.Pow(10, -e.ERL/20)
	}

	return r
}

// hear takes what the caller's end was sent.
func (r *room) hear(f *media.Frame) {
	if r.loss == 0 {
		return
	}
	copy(r.heard, r.heard[media.FrameSamples:])
	copy(r.heard[len(r.heard)-media.FrameSamples:], f[:])
}

// send adds the surroundings to what the caller says.
func (r *room) send(f *media.Frame) {
	if r.loss > 0 {
		for i := range f {
			f[i] = clip16(float64(f[i]) + float64(r.heard[i])*r.loss)
		}
	}
	if r.noise != nil {
		r.noise.add(f[:], r.amplitude)
	}
	if r.law {
		var octets [media.FrameSamples]byte
		g711.PCMU.Encode(octets[:], f[:])
		g711.PCMU.Decode(f[:], octets[:])
	}
}

// vary draws the small differences between one run and another: how quick the
// caller is to answer, within 15 percent, and where in a frame the run begins.
func vary(gap time.Duration, rnd *rand.Rand) time.Duration {
	return time.Duration(float64(gap) * (0.85 + 0.3*rnd.Float64()))
}
