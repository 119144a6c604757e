package echo

import (
	"math"

	"trunkline/media"
)

// subtract makes e of near and echo and returns the powers of all three.
func subtract(rest, near, echo *[block]float32) (pd, pe, py float32) {
	for i := range rest {
		d, y := near[i], echo[i]
		e := d - y
		rest[i] = e
		pd += d * d
		pe += e * e
		py += y * y
	}
	return pd / block, pe / block, py / block
}

// mean is the mean square of x.
func mean(x *[block]float32) (p float32) {
	for _, v := range x {
		p += v * v
	}
	return p / block
}

// cancel takes the echo out of near.
func (c *Canceller) cancel(near *media.Frame) Verdict {
	v := Verdict{Active: true, Delay: media.FrameDuration + media.Samples(c.delay).Duration(), ERL: c.loss()}
	c.found.Store(int64(v.Delay))
	c.lost.Store(math.Float64bits(v.ERL))
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
	pd, pe, py := subtract(&c.e, &c.d, &c.y)
	c.filter.learn(&c.e)
	if c.age < youth && py > nearFloor {
		c.age++
		c.filter.echo(&c.y)
		pd, pe, py = subtract(&c.e, &c.d, &c.y)
		c.filter.learn(&c.e)
	}
	px := mean(&c.x)
	if py > nearFloor/10 {
		c.farSum += (px - c.farSum) / 64
		c.echoSum += (py - c.echoSum) / 64
	}
	c.rests[c.frames%len(c.rests)] = pe
	v.Echo = c.judge(pd, min(pe, pd), max(py, px*c.echoSum/(c.farSum+1)))
	if !v.Echo && c.changed() {
		v.Echo = true
		pe = mean(&c.e)
	}
	if pe > pd { // the filter is wrong
		c.e, pe = c.d, pd
	}
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

// judge tells whether what is left of a frame is echo alone.
func (c *Canceller) judge(pd, pe, py float32) bool {
	copy(c.echoPower[1:], c.echoPower[:2])
	c.echoPower[0] = py
	loudest := max(c.echoPower[0], c.echoPower[1], c.echoPower[2])
	floor := max(nearFloor, 4*c.noise.power())
	if pe > max(c.mayLeave()*loudest, floor) {
		return false
	}
	if loudest > floor {
		c.leak += leakRate * (pe/loudest - c.leak)
	}
	return pd > floor
}

// mayLeave is the power that the filter may leave of an echo.
func (c *Canceller) mayLeave() float32 {
	switch {
	case c.age < youth/4:
		return max(2*unsure, youngMargin*c.leak)
	case c.age < youth/2:
		return max(unsure, youngMargin*c.leak)
	case c.age < youth:
		return max(leastLeak, youngMargin*c.leak)
	}
	return max(leastLeak, margin*c.leak)
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
