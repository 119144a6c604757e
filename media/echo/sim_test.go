package echo

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/record"
)

// white is n samples of white noise of the given standard deviation.
func white(n int, sigma float64, seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(sigma * r.NormFloat64())
	}
	return x
}

// speech is n samples made of the recordings whose names match, at about
// -20 dBov while someone speaks, with pauses of gap between them.
func speech(t testing.TB, pattern string, seed uint64, d, gap time.Duration) []float32 {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", "..", "testdata", "audio", pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("no recordings match %q: %v", pattern, err)
	}
	r := rand.New(rand.NewPCG(seed, 1))
	n := int(media.SamplesIn(d))
	out := make([]float32, 0, n)
	for len(out) < n {
		name := names[r.IntN(len(names))]
		if b := filepath.Base(name); strings.HasPrefix(b, "cough") || strings.HasPrefix(b, "room") {
			continue // no speech
		}
		out = append(out, recording(t, name)...)
		out = append(out, make([]float32, media.SamplesIn(gap))...)
	}
	return out[:n]
}

var recordings sync.Map // of []float32 by name

// recording is a file's audio at -20 dBov.
func recording(t testing.TB, name string) []float32 {
	t.Helper()
	if x, ok := recordings.Load(name); ok {
		return x.([]float32)
	}
	a, err := record.ReadWAV(name)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, len(a.Samples[0]))
	for i, v := range a.Samples[0] {
		x[i] = float32(v)
	}
	x = scaled(x, -20)
	recordings.Store(name, x)
	return x
}

// scaled brings x to level dBov, pauses left out.
func scaled(x []float32, level float64) []float32 {
	var sum float64
	n := 1
	for i := 0; i+block <= len(x); i += block {
		if e := energy(x[i : i+block]); e > 1e4*block {
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

func energy(x []float32) (sum float64) {
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

// ulaw is x after a trip by G.711.
func ulaw(x []float32) []float32 {
	out := make([]float32, len(x))
	var f media.Frame
	b := make([]byte, media.FrameSamples)
	for i := 0; i+block <= len(x); i += block {
		for j := range f {
			f[j] = int16(max(-32768, min(32767, math.Round(float64(x[i+j])))))
		}
		g711.PCMU.Encode(b, f[:])
		g711.PCMU.Decode(f[:], b)
		for j := range f {
			out[i+j] = float32(f[j])
		}
	}
	return out
}

// path is a dispersive echo path after G.168: a band-limited response that
// rings for some 20 ms, of unit energy.
func path(seed uint64) []float32 {
	r := rand.New(rand.NewPCG(seed, 2))
	h := make([]float32, 160)
	for i := range h {
		if r.IntN(3) > 0 {
			continue // a third of the taps is work enough for the tests
		}
		h[i] = float32(r.NormFloat64() * math.Exp(-float64(i)/40))
		if i < 8 {
			h[i] *= float32(i) / 8
		}
	}
	e := math.Sqrt(energy(h))
	for i := range h {
		h[i] /= float32(e)
	}
	return h
}

// echoed is far late by d and down by erl dB through path h.
func echoed(far, h []float32, d time.Duration, erl float64) []float32 {
	out := make([]float32, len(far))
	at := int(media.SamplesIn(d))
	for j, c := range h {
		if c == 0 {
			continue
		}
		for i, x := range far[:max(0, len(far)-at-j)] {
			out[at+j+i] += c * x
		}
	}
	// The loss is that of the whole signal.
	g := float32(math.Sqrt(energy(far[:len(far)-at])/(energy(out)+1)) * math.Pow(10, -erl/20))
	for i := range out {
		out[i] *= g
	}
	return out
}

func db(a, b float64) float64 { return 10 * math.Log10((a+1e-9)/(b+1e-9)) }

// frame is the block of x from sample i on.
func frame(x []float32, i int) (f media.Frame) {
	for j := range f {
		f[j] = int16(max(-32768, min(32767, x[i+j])))
	}
	return f
}

// agent and caller are two voices: recordings that are not each other's.
const (
	agent  = "awb-*.wav"
	caller = "[^a]*.wav"
)

// scene is a stretch of a call: what the agent says, and what comes back.
type scene struct {
	far  []float32
	echo []float32 // of far, in the caller's direction
	near []float32 // what the caller says; nil for nothing
	line []float32 // noise of the line
}

// newScene is d of the agent with an echo by delay and erl and no caller. The
// same seed gives the same speech, path and noise.
func newScene(t testing.TB, seed uint64, d, delay time.Duration, erl float64) *scene {
	t.Helper()
	far := speech(t, agent, seed, d, 400*time.Millisecond)
	return &scene{far: far, echo: echoed(ulaw(far), path(seed+30), delay, erl), line: white(len(far), 4, seed)}
}

// received is what the telephone line brings.
func (s *scene) received() []float32 {
	x := make([]float32, len(s.far))
	for i := range x {
		x[i] = s.echo[i] + s.line[i]
		if s.near != nil {
			x[i] += s.near[i]
		}
	}
	return ulaw(x)
}

// run hands the scene to c, frame by frame, and each frame's time, verdict and
// result to see.
func (s *scene) run(c *Canceller, see func(i int, v Verdict, out *media.Frame)) {
	x := s.received()
	for i := 0; i+block <= len(x); i += block {
		near, far := frame(x, i), frame(s.far, i)
		v := c.Process(&near, &far)
		see(i, v, &near)
	}
}

// meter measures the echo return loss enhancement of part of a scene.
type meter struct{ echo, rest float64 }

// add counts a frame with an echo that can be heard.
func (m *meter) add(echo []float32, out *media.Frame) {
	if energy(echo[:block]) < block*nearFloor {
		return
	}
	m.echo += energy(echo[:block])
	for _, v := range out {
		m.rest += float64(v) * float64(v)
	}
}

func (m *meter) erle() float64 { return db(m.echo, m.rest) }

// samples is the number of them in d.
func samples(d time.Duration) int { return int(media.SamplesIn(d)) }
