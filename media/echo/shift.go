package echo

// Sizes of the search for a path that moved.
const (
	reach   = 5                  // frames that an echo may move at once, 100 ms
	piece   = 2                  // frames that are looked for
	perPart = block / decimation // samples of a frame at 2 kHz
	whole   = 2*reach + piece    // frames that are looked through
	alike   = 0.7                // squared correlation that proves the move: 0.84
	still   = guard              // lags that are no move
)

// changed looks, when there is sound that the filter does not explain,
// whether the path has changed. A jitter buffer that grows or shrinks moves
// the echo; it is found within three frames, and the filter goes with it. A
// path of another shape takes longer. It reports whether the filter explains
// the sound now.
func (c *Canceller) changed(pd float32) bool {
	if c.nearOn&(1<<5-1) == 0 {
		c.strange = 0
	}
	if c.nearOn&1 == 0 {
		return false
	}
	c.strange++
	if c.strange >= piece && c.strange <= piece+3 {
		if by := c.moved(); by != 0 {
			c.align(c.delay + by)
			c.far.read(c.x[:], (c.frames-1)*block-max(c.delay-early, 0))
			c.filter.push(&c.x)
			return true
		}
	}
	if lag, ok := c.look(); ok {
		c.prove(lag)
	}
	return false
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
	var echo [whole * perPart]float32
	for i := range whole {
		c.far.read(c.x[:], (first+i)*block-max(c.delay-early, 0))
		f.push(&c.x)
		f.echo(&c.y)
		halve(echo[i*perPart:][:perPart], &c.y)
	}
	var near [piece * perPart]float32
	for i := range piece {
		c.near.read(c.d[:], (c.frames-piece+i)*block)
		halve(near[i*perPart:][:perPart], &c.d)
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
		if both > 0 && both*both > best*own*power {
			best, at = both*both/(own*power), i-reach*perPart
		}
		power += echo[i+len(near)]*echo[i+len(near)] - echo[i]*echo[i]
	}
	if at >= -still && at <= still {
		return 0
	}
	return at
}
