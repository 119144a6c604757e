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
	lasting   = 8                            // that nearMean remembers
	doubtful  = 50                           // of unexplained sound held to be echo, 1 s
	hesitant  = 25                           // the same that a young filter does not explain, 0.5 s
	softly    = 150                          // the same of soft sound, 3 s
	early     = 16 * media.SampleRate / 1000 // samples that the filter begins before the delay
)

// The filter's rest.
const (
	firstLeak = 0.3  // power that a new filter leaves of an echo
	leastLeak = 0.05 // power above which what is left is the caller's, at least
	leakRate  = 0.05 // of the leak's mean, per frame
	youth     = 100  // frames of echo in which a new filter learns twice

	margin      = 4     // what is left may exceed the mean so many times and be echo, at least
	widest      = 40    // and at most: a loudspeaker that distorts leaves now little, now much
	wider       = 1.2   // growth of that per frame that exceeds it
	narrower    = 0.997 // and its shrinking per frame that does not
	begins      = 3     // frames of a talkspurt that may widen it; the caller's go on
	youngMargin = 8     // the same of a new filter
	unsure      = 2     // what is left may exceed the echo so many times while the filter is half as old
	louder      = 4     // an echo may be so many times above what the return loss makes of the agent's voice
	softer      = 200   // sound so many times below the agent's voice is soft, 23 dB
)

// The suppressor's gains.
const (
	deepest = 0.03 // -30 dB
	beneath = 0.5  // of the line's noise, 6 dB below it
)

// Proofs.
const (
	standsOut   = 5.5 // height of a correlation's peak that is worth a trial
	standsFar   = 8   // the same once many were in vain
	proof       = 8   // evidence that a trial must bring
	wellAway    = 20  // a filter that takes away so much power, 13 dB, has the right delay
	likelyProof = 6   // the same when the peak is standsFar
)

// Turns are the frames over which Stagger spreads calls.
const Turns = 5

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

	farPower  [farFrames]float32
	nearPower [nearFrames]float32
	farOn     uint64  // bit i is set when the agent spoke i frames ago
	loud      uint64  // the same of loud speech
	nearOn    uint64  // the same of sound from the caller
	nearMean  float32 // of the last frames' powers
	sinceFar  int     // frames since the agent spoke
	noise     noise
	clean     bool // the agent spoke and nothing came back
	own       bool // the caller's talkspurt began while nothing could echo
	unknown   int  // frames of sound that may be echo
	heard     int  // the same since the last comparison
	looked    int  // comparisons
	looking   bool // a comparison is under way
	compare   comparison
	trial     trial
	shift     shift

	delay           int // samples
	filter, spare   *filter
	strange         int                 // frames of sound that the filter does not explain
	rests           [nearFrames]float32 // what was left of the latest frames
	x, y, d, e      [block]float32
	age             int
	doubted         int // frames of sound that a young filter does not explain
	stale           int // frames for which the reference was silent
	leak            float32
	spread          float32 // what is left may exceed the leak so many times and be echo
	echoPower       [3]float32
	farSum, echoSum float32
	gain            float32
	madeUp          uint64 // bit i is set when the frame i frames ago did not come by the path
	made, seam      bool   // this frame did not come by the path; nor did the one before
	last            bool   // the latest frame that came by the path was echo alone
	hush            hush

	found atomic.Int64  // the delay, for Found
	lost  atomic.Uint64 // the bits of the return loss
}

// New makes a Canceller that knows of no echo.
func New() *Canceller {
	return &Canceller{far: newRing(farFrames), near: newRing(nearFrames), sinceFar: tail, gain: 1, spread: margin}
}

// Stagger puts the first comparison of both directions off by as many frames
// as turn modulo Turns, so that calls which begin together do not all compare
// in the same tick. It belongs before the first frame.
func (c *Canceller) Stagger(turn int) { c.heard = -(turn % Turns) }

// Process takes the agent's echo out of near, which is of kind in. far is the
// frame that left at the last tick, silence where none did.
func (c *Canceller) Process(near, far *media.Frame, in media.Kind) Verdict {
	c.far.put(c.frames, far)
	c.near.put(c.frames, near)
	c.frames++
	c.seam, c.made = c.made, in != media.Received
	c.madeUp <<= 1
	if c.made {
		c.madeUp |= 1
	}
	c.follow(power(near), power(far))
	v := c.hear(near)
	c.test()
	return v
}

// hear takes the echo out of the frame that was just noted.
func (c *Canceller) hear(near *media.Frame) Verdict {
	if c.made {
		return c.guess(near)
	}
	c.listen(near)
	if c.filter == nil {
		c.watch()
		c.last = c.mayEcho()
		return Verdict{Echo: c.last}
	}
	v := c.cancel(near)
	c.last = v.Echo
	return v
}

// guess judges a frame that did not come by the path: made up for a lost one,
// or in a pause of the far end's sending. Nothing is learnt from it. What goes
// on from echo alone is echo.
func (c *Canceller) guess(near *media.Frame) Verdict {
	c.loud = 0 // silence proves nothing here
	if c.filter == nil {
		return Verdict{Echo: c.last && c.mayEcho()}
	}
	v := c.verdict()
	v.Echo = c.last && c.nearOn&1 != 0
	c.near.read(c.e[:], (c.frames-1)*block)
	c.finish(near, v.Echo, mean(&c.e))
	c.stale++ // the filter has not seen this frame's reference
	return v
}

// verdict is what is known of the echo.
func (c *Canceller) verdict() Verdict {
	return Verdict{Active: true, Delay: media.FrameDuration + media.Samples(c.delay).Duration(), ERL: c.loss()}
}

// Unsuppressed writes what the filter made of the latest frame to f, before
// its residue was brought down to the line's noise. It is for measurements.
func (c *Canceller) Unsuppressed(f *media.Frame) {
	for i, v := range c.e {
		f[i] = int16(max(-32768, min(32767, v)))
	}
}

// Cancel is Process for callers that ask only whether near is echo and
// nothing else. It implements line.Echo.
func (c *Canceller) Cancel(near, far *media.Frame, in media.Kind) (echo bool) {
	return c.Process(near, far, in).Echo
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
	c.farPower[(c.frames-1)%farFrames] = far
	c.nearPower[(c.frames-1)%nearFrames] = near
	c.rests[(c.frames-1)%nearFrames] = near
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
	if !c.made {
		c.noise.add(near)
	}
	const pause = 1<<10 - 1 // 200 ms without sound end a talkspurt
	c.nearMean += (near - c.nearMean) / 8
	if c.nearOn&1 != 0 && (c.sinceFar >= tail || c.nearMean > c.loudest()/2) {
		c.own = true
	} else if c.nearOn&pause == 0 {
		c.own = false
	}
}

// listen keeps the frame if it is nothing but the line's noise.
func (c *Canceller) listen(near *media.Frame) {
	if p := c.noise.power(); p > 0 && c.frames%4 == 0 && c.nearOn&(1<<3-1) == 0 && power(near) < 2*p {
		c.hush.keep(near)
	}
}

// loudest is the far end's greatest power that may echo now.
func (c *Canceller) loudest() (p float32) {
	for n := max(c.frames-tail-lasting, 0); n < c.frames; n++ {
		p = max(p, c.farPower[n%farFrames])
	}
	return p
}

// mayEcho tells that there is sound which is not known to be the caller's.
func (c *Canceller) mayEcho() bool {
	if c.nearOn&1 == 0 || c.sinceFar >= tail || c.clean || c.own {
		return false
	}
	return c.unknown <= doubtful || c.unknown <= softly && c.nearMean*softer < c.loudest()
}
