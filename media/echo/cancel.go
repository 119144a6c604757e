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
	v := c.verdict()
	c.found.Store(int64(v.Delay))
	c.lost.Store(math.Float64bits(v.ERL))
	if c.sinceFar >= tail {
		c.stale++
		c.gain = 1
		c.near.read(c.e[:], (c.frames-1)*block)
		return v
	}
	if c.stale > 0 {
		c.stale = 0
		c.fill(c.filter, c.delay, c.frames-1)
	}
	c.far.read(c.x[:], (c.frames-1)*block-max(c.delay-early, 0))
	c.near.read(c.d[:], (c.frames-1)*block)
	c.filter.push(&c.x)
	c.filter.echo(&c.y)
	pd, pe, py := subtract(&c.e, &c.d, &c.y)
	if !c.seam { // in the seam of a made-up frame there is more than echo
		c.filter.learn(&c.e)
	}
	if !c.seam && c.age < youth && py > nearFloor {
		if c.age++; c.age == youth {
			c.settle()
		}
		c.filter.echo(&c.y)
		pd, pe, py = subtract(&c.e, &c.d, &c.y)
		c.filter.learn(&c.e)
	}
	px := mean(&c.x)
	if py > nearFloor/10 {
		c.farSum += (px - c.farSum) / 64
		c.echoSum += (py - c.echoSum) / 64
	}
	c.rests[(c.frames-1)%nearFrames] = pe
	v.Echo = c.judge(pd, min(pe, pd), max(py, px*c.echoSum/(c.farSum+1)))
	switch {
	case !v.Echo && c.changed():
		v.Echo = true
		pe = mean(&c.e)
	case v.Echo && c.age < youth:
		c.confirm()
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
		if c.strange < begins {
			c.spread = min(c.spread*wider, widest)
		}
		return c.mayYetBe(pd)
	}
	if loudest > floor {
		c.leak += leakRate * (pe/loudest - c.leak)
		c.spread = max(margin, c.spread*narrower)
	}
	return pd > floor
}

// mayYetBe tells that sound which a young filter does not explain may be echo
// all the same: it is no louder than the echo can be, and either the filter is
// new, or the sound is soft and the filter slow to learn from it.
func (c *Canceller) mayYetBe(pd float32) bool {
	most := c.loudest()
	switch {
	case c.age >= youth, c.doubted >= hesitant, pd*c.farSum > louder*c.echoSum*most:
		return false
	case c.age >= youth/4 && pd*softer > most:
		return false
	}
	c.doubted++
	return true
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
	return min(1, max(leastLeak, c.spread*c.leak))
}

// finish writes e to near. What is left of an echo is brought down below the
// line's noise, and the noise is put in its place, so that who listens hears
// neither echo nor holes.
func (c *Canceller) finish(near *media.Frame, echo bool, pe float32) {
	to := float32(1)
	if echo {
		to = min(1, max(deepest, beneath*float32(math.Sqrt(float64((c.noise.power()+1)/(pe+1))))))
	}
	g, step := c.gain, (to-c.gain)/block
	c.gain = to
	var noise *media.Frame
	var from int
	if to < 1 || g < 1 {
		if noise, from = c.hush.next(); noise != nil && power(noise) > power(near) {
			noise = nil // it was no mere noise
		}
	}
	for i := range near {
		g += step
		v := g * c.e[i]
		if noise != nil {
			v += (1 - g) * float32(noise[(from+i)%block])
		}
		near[i] = int16(max(-32768, min(32767, v)))
	}
}
