package echo

import (
	"math"
	"sync/atomic"
	"time"

	"trunkline/media"
)

// Levels, as mean squares of a frame.
const (
	farFloor  = 100 * 100   // -50 dBov: the agent speaks
	farLoud   = 1300 * 1300 // -28 dBov: its weakest echo can be heard
	nearFloor = 33 * 33     // -60 dBov: nothing below is heard or barges in
)

// Frames of the states' memories.
const (
	tail      = maxDelay/block + partitions  // an echo may last so long after the agent
	lookEvery = 10                           // between comparisons, 200 ms
	looks     = 12                           // comparisons until they become rare
	lookLater = 100                          // between them then, 2 s
	doubtful  = 50                           // of unexplained sound held to be echo, 1 s
	early     = 16 * media.SampleRate / 1000 // samples that the filter begins before the delay
)

// The filter's rest.
const (
	firstLeak = 0.3  // power that a new filter leaves of an echo
	leastLeak = 0.1  // power above which what is left is the caller's, at least
	leakRate  = 0.05 // of the leak's mean, per frame
	youth     = 100  // frames of echo in which a new filter learns twice

	margin      = 4 // what is left may exceed the mean so many times and be echo
	youngMargin = 8 // the same of a new filter
	unsure      = 2 // what is left may exceed the echo so many times while the filter is half as old
)

// Proofs.
const (
	standsOut = 5.5 // height of a correlation's peak that is worth a trial
	standsFar = 8   // the same once many were in vain
	proof     = 4.0 // the trial must take away so much power: 6 dB
)

// Verdict is what a frame from the caller was found to be.
type Verdict struct {
	// Active tells that the call has an echo and the canceller is at work.
	Active bool
	// Echo tells that what can be heard in the frame is the agent's own voice
	// and nothing else, or must be taken for it. It is false for silence
	// without echo.
	Echo bool
	// Delay is how long after it was sent the echo comes. Zero unless Active.
	Delay time.Duration
	// ERL is the echo's return loss in dB. Zero unless Active.
	ERL float64
}

// Canceller is one call's echo canceller. It belongs to one goroutine.
type Canceller struct {
	far, near ring
	frames    int

	farPower [tail + 1]float32
	farOn    uint64  // bit i is set when the agent spoke i frames ago
	loud     uint64  // the same of loud speech
	nearOn   uint64  // the same of sound from the caller
	nearMean float32 // of the last frames' powers
	sinceFar int     // frames since the agent spoke
	noise    noise
	clean    bool // the agent spoke and nothing came back
	own      bool // the caller's talkspurt began while nothing could echo
	unknown  int  // frames of sound that may be echo
	heard    int  // the same since the last comparison
	looked   int  // comparisons
	sum      correlation

	delay           int // samples
	filter, spare   *filter
	strange         int                              // frames of sound that the filter does not explain
	rests           [nearFrames - partitions]float32 // what was left of the latest frames
	x, y, d, e      [block]float32
	age             int
	stale           int // frames for which the reference was silent
	leak            float32
	echoPower       [3]float32
	farSum, echoSum float32
	gain            float32

	found atomic.Int64  // the delay, for Found
	lost  atomic.Uint64 // the bits of the return loss
}

// New makes a Canceller that knows of no echo.
func New() *Canceller {
	return &Canceller{far: newRing(farFrames), near: newRing(nearFrames), sinceFar: tail, gain: 1}
}

// Process takes the agent's echo out of near. far is the frame that left at
// the last tick, silence where none did.
func (c *Canceller) Process(near, far *media.Frame) Verdict {
	c.far.put(c.frames, far)
	c.near.put(c.frames, near)
	c.frames++
	c.follow(power(near), power(far))
	if c.filter == nil {
		c.watch()
	}
	if c.filter == nil {
		return Verdict{Echo: c.mayEcho()}
	}
	return c.cancel(near)
}

// Cancel is Process for callers that ask only whether near is echo and
// nothing else. It implements line.Echo.
func (c *Canceller) Cancel(near, far *media.Frame) (echo bool) {
	return c.Process(near, far).Echo
}

// Found tells, from any goroutine, how late the call's latest echo came and
// how many dB it was below the agent's voice. ok is false when none was found.
func (c *Canceller) Found() (delay time.Duration, erl float64, ok bool) {
	delay, erl = time.Duration(c.found.Load()), math.Float64frombits(c.lost.Load())
	return delay, erl, delay > 0
}

// power is the mean square of f.
func power(f *media.Frame) float32 {
	var sum int64
	for _, v := range f {
		sum += int64(v) * int64(v)
	}
	return float32(sum) / block
}

// follow notes the levels of both directions.
func (c *Canceller) follow(near, far float32) {
	c.farPower[c.frames%len(c.farPower)] = far
	c.farOn <<= 1
	if far > farFloor {
		c.farOn |= 1
		c.sinceFar = 0
	} else {
		c.sinceFar++
	}
	c.loud <<= 1
	if far > farLoud {
		c.loud |= 1
	}
	c.nearOn <<= 1
	if near > max(nearFloor, 4*c.noise.power()) && near > 0 {
		c.nearOn |= 1
	}
	c.noise.add(near)
	const pause = 1<<10 - 1 // 200 ms without sound end a talkspurt
	c.nearMean += (near - c.nearMean) / 8
	if c.nearOn&1 != 0 && (c.sinceFar >= tail || c.nearMean > c.loudest()/2) {
		c.own = true
	} else if c.nearOn&pause == 0 {
		c.own = false
	}
}

// loudest is the far end's greatest power that may echo now.
func (c *Canceller) loudest() (p float32) {
	for _, v := range c.farPower {
		p = max(p, v)
	}
	return p
}

// mayEcho tells that there is sound which is not known to be the caller's.
func (c *Canceller) mayEcho() bool {
	return c.nearOn&1 != 0 && c.sinceFar < tail && !c.clean && !c.own && c.unknown <= doubtful
}
