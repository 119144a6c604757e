package echo

// Sizes of the search for a path that moved.
const (
	reach   = 5                  // frames that an echo may move at once, 100 ms
	piece   = 2                  // frames that are looked for
	perPart = block / decimation // samples of a frame at 2 kHz
	whole   = 2*reach + piece    // frames that are looked through
	alike   = 0.8                // squared correlation that proves the move: 0.9
	still   = guard              // lags that are no move
)

// changed looks, when there is sound that the filter does not explain,
// whether the path has changed. A jitter buffer that grows or shrinks moves
// the echo; it is found within three frames, and the filter goes with it. A
// path of another shape takes longer. It reports whether the filter explains
// the sound now.
func (c *Canceller) changed() bool {
	if c.nearOn&(1<<5-1) == 0 {
		c.strange = 0
	}
	if c.nearOn&1 == 0 {
		return false
	}
	c.strange++
	if !c.trial.on && c.strange >= piece && c.strange <= piece+3 {
		if by := c.moved(); by != 0 && c.follows(c.delay+by) {
			c.settle()
			return true
		}
	}
	if lag, need := c.look(); need > 0 {
		c.try(lag, need)
	}
	return false
}

// follows aligns the filter with a delay, unless the latest frame is no echo
// by it either.
func (c *Canceller) follows(delay int) bool {
	before := c.delay
	for _, lag := range [...]int{delay, before} {
		c.align(lag)
		c.far.read(c.x[:], (c.frames-1)*block-max(lag-early, 0))
		c.filter.push(&c.x)
		c.filter.echo(&c.y)
		if pd, pe, _ := subtract(&c.e, &c.d, &c.y); pe < (1-alike)*pd {
			break
		}
	}
	return c.delay != before
}

// moved returns by how many samples the echo comes later than the filter has
// it, 0 when it did not move.
func (c *Canceller) moved() int {
	if c.delay < early+reach*block {
		return 0
	}
	if c.spare == nil {
		c.spare = newFilter()
	}
	f := c.spare
	f.path = c.filter.path
	first := c.frames - piece - reach
	c.fill(f, c.delay, first)
	// what the filter makes of the time before and after
	var x, y [block]float32
	var echo [whole * perPart]float32
	for i := range whole {
		c.far.read(x[:], (first+i)*block-max(c.delay-early, 0))
		f.push(&x)
		f.echo(&y)
		halve(echo[i*perPart:][:perPart], &y)
	}
	var near [piece * perPart]float32
	for i := range piece {
		c.near.read(x[:], (c.frames-piece+i)*block)
		halve(near[i*perPart:][:perPart], &x)
	}
	return -fit(&near, &echo) * decimation
}

// halve writes the sums of four samples of x to y.
func halve(y []float32, x *[block]float32) {
	for i := range y {
		s := x[decimation*i:][:decimation]
		y[i] = s[0] + s[1] + s[2] + s[3]
	}
}

// fit returns how far from its place near is most alike echo, 0 when it is
// alike nowhere.
func fit(near *[piece * perPart]float32, echo *[whole * perPart]float32) (at int) {
	var own, power float32
	for i, v := range near {
		own += v * v
		power += echo[i] * echo[i]
	}
	best := float32(alike)
	for i := range len(echo) - len(near) {
		window := echo[i:][:len(near)]
		var both float32
		for j, v := range near {
			both += v * window[j]
		}
		// a path that moves has the same loss as before
		if both > power/2 && both < power*2 && both*both > best*own*power {
			best, at = both*both/(own*power), i-reach*perPart
		}
		power += echo[i+len(near)]*echo[i+len(near)] - echo[i]*echo[i]
	}
	if at >= -still && at <= still {
		return 0
	}
	return at
}
