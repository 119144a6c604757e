package echo

// watch looks for an echo while there is none.
func (c *Canceller) watch() {
	if c.sinceFar >= tail {
		return
	}
	if c.nothingBack() {
		c.clean, c.unknown = true, 0
		return
	}
	if c.nearOn&1 == 0 {
		return
	}
	c.unknown++
	if lag, need := c.look(); need > 0 {
		c.prove(lag, need)
	}
}

// nothingBack tells that the agent spoke up and nothing was heard: silence for
// 20 frames now, and before it no 15 frames without loud speech, so that for
// every delay some of it would have come back.
func (c *Canceller) nothingBack() bool {
	if c.nearOn&(1<<20-1) != 0 {
		return false
	}
	gap := ^c.loud & (1<<(tail+16) - 1)
	for _, n := range [...]int{1, 2, 4, 7} { // runs of 2, 4, 8, 15
		gap &= gap >> n
	}
	return gap == 0
}

// look compares both directions now and then, and returns a delay that is
// worth a trial, and by how much the trial must lessen the power. need is 0
// when there is none.
func (c *Canceller) look() (lag int, need float32) {
	c.heard++
	if c.heard < lookEvery || c.looked >= looks && c.heard < lookLater {
		return 0, 0
	}
	c.heard = 0
	c.looked++
	lag, height := c.sum.add(c.far, c.near, c.frames*block, lookEvery*block)
	switch {
	case height >= standsFar:
		return lag, likelyProof
	case height >= standsOut && c.looked <= looks:
		return lag, proof
	default:
		return lag, 0
	}
}

// confirm looks again while the filter is young: a vowel is like itself some
// periods later, so that the first delay that was found may be a wrong one.
func (c *Canceller) confirm() {
	lag, need := c.look()
	if d := lag - c.delay; need > 0 && (d > still*decimation || d < -still*decimation) {
		c.prove(lag, need)
	}
}

// prove trains a filter for the delay with what is kept of the call, and puts
// it to work when it lessens the power by need.
func (c *Canceller) prove(lag int, need float32) {
	if c.spare == nil {
		c.spare = newFilter()
	}
	f := c.spare
	near, far := c.powers(lag)
	f.reset(min(0.5, max(0.0005, near/(far+1))))
	var before, after float32
	var x, d, y, e [block]float32
	for pass := range 3 {
		f.flush()
		before, after = 0, 0
		for n := max(c.frames-nearFrames, 0); n < c.frames; n++ {
			c.far.read(x[:], n*block-max(lag-early, 0))
			c.near.read(d[:], n*block)
			f.push(&x)
			f.echo(&y)
			b, a, _ := subtract(&e, &d, &y)
			if n >= c.frames-nearFrames+partitions {
				before, after = before+b, after+a
			}
			if pass < 2 || n < c.frames-1 {
				f.learn(&e)
			}
		}
	}
	if before < need*after || c.filter != nil && c.rest() < 2*after {
		return
	}
	c.spare, c.filter = c.filter, f
	c.clean = false
	c.leak, c.age, c.doubted = firstLeak, 0, 0
	c.farSum, c.echoSum = far, near
	c.align(lag)
	c.settle()
}

// settle forgets what was noted about sound that has its reason now.
func (c *Canceller) settle() {
	c.looked, c.heard, c.strange = 0, 0, 0
	clear(c.sum[:])
}

// align makes lag the delay.
func (c *Canceller) align(lag int) {
	c.delay = lag
	c.fill(c.filter, lag, c.frames-1)
}

// fill gives f the reference for the frames before number n.
func (c *Canceller) fill(f *filter, lag, n int) {
	f.flush()
	var x [block]float32
	for i := n - partitions; i < n; i++ {
		c.far.read(x[:], i*block-max(lag-early, 0))
		f.push(&x)
	}
}

// rest is the power that was left of the frames in which a trial is proved.
func (c *Canceller) rest() (p float32) {
	for _, v := range c.rests {
		p += v
	}
	return p
}

// powers are the near end's mean power, and that of what may have caused it,
// in what is kept of the call.
func (c *Canceller) powers(lag int) (near, far float32) {
	var x, d [block]float32
	for n := max(c.frames-nearFrames, 0); n < c.frames; n++ {
		c.far.read(x[:], n*block-lag)
		c.near.read(d[:], n*block)
		near += mean(&d)
		far += mean(&x)
	}
	return near / nearFrames, far / nearFrames
}
