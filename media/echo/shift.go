package echo

// Sizes of the search for a path that moved.
const (
	reach   = 5                  // frames that an echo may move at once, 100 ms
	piece   = 2                  // frames that are looked for
	perPart = block / decimation // samples of a frame at 2 kHz
	whole   = 2*reach + piece    // frames that are looked through
	half    = whole/2 - 1        // of them, those that the first of two steps looks through
	tries   = 6                  // frames of unexplained sound in which it is looked for
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
	if !c.trial.on && c.strange <= tries {
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

// shift is a search for a path that moved, in two steps, one per frame, so
// that no frame bears the whole: when a stall moves the echoes of many calls,
// they all search at once.
type shift struct {
	end  int                      // number of the frame after those that are looked for
	echo [whole * perPart]float32 // what the filter makes of the time before and after
}

// moved takes the next step. It returns by how many samples the echo comes
// later than the filter has it, 0 when it did not move or that is not known
// yet.
func (c *Canceller) moved() int {
	if c.delay < early+reach*block {
		return 0
	}
	s := &c.shift
	if s.end != c.frames {
		s.end = c.frames + 1
		if c.spare == nil {
			c.spare = newFilter()
		}
		c.spare.path = c.filter.path
		c.fill(c.spare, c.delay, s.end-piece-reach)
		c.retrace(0, half)
		return 0
	}
	c.retrace(half, whole)
	var near [piece * perPart]float32
	var x [block]float32
	for i := range piece {
		c.near.read(x[:], (c.frames-piece+i)*block)
		halve(near[i*perPart:][:perPart], &x)
	}
	return -fit(&near, &s.echo) * decimation
}

// retrace has the spare filter make the echo of frames from one of those that
// are looked through to another.
func (c *Canceller) retrace(from, to int) {
	var x, y [block]float32
	for i := from; i < to; i++ {
		c.far.read(x[:], (c.shift.end-piece-reach+i)*block-max(c.delay-early, 0))
		c.spare.push(&x)
		c.spare.echo(&y)
		halve(c.shift.echo[i*perPart:][:perPart], &y)
	}
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
