package echo

import (
	"math"
	"math/bits"
	"time"

	"trunkline/media"
)

// Levels, as mean squares of a frame.
const (
	farFloor  = 100 * 100 // -50 dBov: the agent speaks
	nearFloor = 33 * 33   // -60 dBov: nothing below is heard or barges in
)

// Frames of the states' memories.
const (
	tail      = maxDelay/block + partitions  // an echo may last so long after the agent
	lookEvery = 10                           // between comparisons, 200 ms
	looks     = 12                           // comparisons until they become rare
	lookLater = 100                          // between them then, 2 s
	doubtful  = 75                           // of unexplained sound held to be echo, 800 ms
	early     = 16 * media.SampleRate / 1000 // samples that the filter begins before the delay
)

// The filter's rest.
const (
	firstLeak = 0.3  // power that a new filter leaves of an echo
	leastLeak = 0.1  // power above which what is left is the caller's, at least
	leakRate  = 0.05 // of the leak's mean, per frame
	youth     = 100  // frames of echo in which a new filter learns twice
)

// Proofs.
const (
	standsOut = 5.5 // height of a correlation's peak that is worth a trial
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
	// Delay is how late the echo comes. Zero unless Active.
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
	x, y, d, e      [block]float32
	age             int
	stale           int // frames for which the reference was silent
	leak            float32
	echoPower       [3]float32
	farSum, echoSum float32
	gain            float32
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
	c.nearOn <<= 1
	if near > max(nearFloor, 4*c.noise.power()) && near > 0 {
		c.nearOn |= 1
	}
	c.noise.add(near)
	const pause = 1<<10 - 1 // 200 ms without sound end a talkspurt
	c.nearMean += (near - c.nearMean) / 4
	if c.nearOn&1 != 0 && (c.sinceFar >= tail || c.nearMean > c.loudest()/3) {
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

// watch looks for an echo while there is none.
func (c *Canceller) watch() {
	if c.sinceFar >= tail {
		return
	}
	// Silence for 15 frames after 45 in most of which the agent spoke: for
	// every delay, some speech would have had to come back.
	if c.nearOn&(1<<15-1) == 0 && bits.OnesCount64(c.farOn&(1<<45-1)) >= 34 {
		c.clean, c.unknown = true, 0
		return
	}
	if c.nearOn&1 == 0 {
		return
	}
	c.unknown++
	if lag, ok := c.look(); ok {
		c.prove(lag)
	}
}

// look compares both directions now and then, and returns a delay that is
// worth a trial.
func (c *Canceller) look() (lag int, ok bool) {
	c.heard++
	if c.heard < lookEvery || c.looked >= looks && c.heard < lookLater {
		return 0, false
	}
	c.heard = 0
	c.looked++
	lag, height := c.sum.add(c.far, c.near, c.frames*block, lookEvery*block)
	return lag, height >= standsOut
}

// prove trains a filter for the delay with what is kept of the call, and puts it
// to work when it proves the echo.
func (c *Canceller) prove(lag int) {
	if c.spare == nil {
		c.spare = newFilter()
	}
	f := c.spare
	f.reset(c.share(lag))
	var before, after float32
	for pass := range 3 {
		f.flush()
		before, after = 0, 0
		for n := max(c.frames-nearFrames, 0); n < c.frames; n++ {
			c.far.read(c.x[:], n*block-max(lag-early, 0))
			c.near.read(c.d[:], n*block)
			f.push(&c.x)
			f.echo(&c.y)
			b, a, _ := c.subtract()
			if n >= c.frames-nearFrames+partitions {
				before, after = before+b, after+a
			}
			if pass < 2 || n < c.frames-1 {
				f.learn(&c.e)
			}
		}
	}
	if before < proof*after {
		return
	}
	c.spare, c.filter = c.filter, f
	c.delay, c.leak, c.stale, c.age = lag, firstLeak, 0, 0
	c.clean, c.looked, c.heard = false, 0, 0
	c.farSum, c.echoSum = 0, 0
	// cancel pushes the last frame again
	f.flush()
	for n := c.frames - 1 - partitions; n < c.frames-1; n++ {
		c.far.read(c.x[:], n*block-max(lag-early, 0))
		f.push(&c.x)
	}
}

// share is the near end's power as a share of what may have caused it, from
// what is kept of the call.
func (c *Canceller) share(lag int) float32 {
	var near, far float32
	for n := max(c.frames-nearFrames, 0); n < c.frames; n++ {
		c.far.read(c.x[:], n*block-lag)
		c.near.read(c.d[:], n*block)
		for i, x := range c.x {
			far += x * x
			near += c.d[i] * c.d[i]
		}
	}
	return min(0.5, max(0.0005, near/(far+1)))
}

// subtract makes e of d and y and returns the powers of d, e and y.
func (c *Canceller) subtract() (pd, pe, py float32) {
	for i := range c.e {
		d, y := c.d[i], c.y[i]
		e := d - y
		c.e[i] = e
		pd += d * d
		pe += e * e
		py += y * y
	}
	return pd / block, pe / block, py / block
}

// cancel takes the echo out of near.
func (c *Canceller) cancel(near *media.Frame) Verdict {
	v := Verdict{Active: true, Delay: media.Samples(c.delay).Duration(), ERL: c.loss()}
	if c.sinceFar >= tail {
		c.stale++
		c.gain = 1
		return v
	}
	if c.stale > 0 {
		c.stale = 0
		c.filter.flush()
	}
	c.far.read(c.x[:], (c.frames-1)*block-max(c.delay-early, 0))
	c.near.read(c.d[:], (c.frames-1)*block)
	c.filter.push(&c.x)
	c.filter.echo(&c.y)
	pd, pe, py := c.subtract()
	c.filter.learn(&c.e)
	if c.age < youth && py > nearFloor {
		c.age++
		c.filter.echo(&c.y)
		pd, pe, py = c.subtract()
		c.filter.learn(&c.e)
	}
	var px float32
	for _, x := range c.x {
		px += x * x
	}
	px /= block
	if py > nearFloor/10 {
		c.farSum += (px - c.farSum) / 64
		c.echoSum += (py - c.echoSum) / 64
	}
	if pe > pd {
		// The filter is wrong here, or the path has changed.
		c.e = c.d
		pe = pd
	}
	v.Echo = c.judge(pd, pe, max(py, px*c.echoSum/(c.farSum+1)))
	c.finish(near, v.Echo, pe)
	return v
}

// loss is the return loss in dB.
func (c *Canceller) loss() float64 {
	if c.echoSum <= 0 {
		return 0
	}
	return 10 * math.Log10(float64(c.farSum/c.echoSum))
}

var tM float32 = 8

// judge tells whether what is left of a frame is echo alone.
func (c *Canceller) judge(pd, pe, py float32) bool {
	copy(c.echoPower[1:], c.echoPower[:2])
	c.echoPower[0] = py
	env := max(c.echoPower[0], c.echoPower[1], c.echoPower[2])
	floor := max(nearFloor, 4*c.noise.power())
	rest := pe
	margin := float32(4)
	if c.age < youth {
		margin = tM
	}
	if rest > max(max(margin*c.leak, leastLeak)*env, floor) {
		return false
	}
	if env > floor {
		c.leak += leakRate * (pe/env - c.leak)
	}
	return pd > floor
}

// finish writes e to near. What is left of an echo is brought down to the
// line's noise.
func (c *Canceller) finish(near *media.Frame, echo bool, pe float32) {
	to := float32(1)
	if echo {
		to = min(1, max(0.05, float32(math.Sqrt(float64((c.noise.power()+1)/(pe+1))))))
	}
	g, step := c.gain, (to-c.gain)/block
	for i := range near {
		g += step
		near[i] = int16(max(-32768, min(32767, g*c.e[i])))
	}
	c.gain = to
}

// noise follows the power of a line's noise: the least of the last one to two
// seconds.
type noise struct {
	least, before float32
	heard         int
}

func (n *noise) add(p float32) {
	if p <= 0 {
		return
	}
	if n.heard++; n.heard > 50 || n.least == 0 {
		n.heard, n.before, n.least = 1, n.least, p
	}
	n.least = min(n.least, p)
}

func (n *noise) power() float32 {
	if n.before == 0 {
		return n.least
	}
	return min(n.least, n.before)
}
