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
	if !c.trial.on {
		c.unknown++
	}
	if lag, need := c.look(); need > 0 {
		c.try(lag, need)
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

// look compares both directions now and then while sound is heard. It returns
// a delay that is worth a trial, and by how much the trial must lessen the
// power; need is 0 when there is none.
func (c *Canceller) look() (lag int, need float32) {
	if c.trial.on {
		return 0, 0
	}
	c.heard++
	if !c.looking {
		if c.heard < lookEvery || c.looked >= looks && c.heard < lookLater {
			return 0, 0
		}
		c.heard, c.looking = 0, true
		c.looked++
		c.compare.begin(c.frames * block)
	}
	lag, height, done := c.compare.next(c.far, c.near, lookEvery*block)
	if !done {
		return 0, 0
	}
	c.looking = false
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
// periods later, so that the first delay that was found may be a wrong one. It
// was not when the filter takes nearly all away.
func (c *Canceller) confirm() {
	var before, after float32
	for i, p := range c.nearPower {
		before, after = before+p, after+c.rests[i]
	}
	if before > wellAway*after {
		return
	}
	lag, need := c.look()
	if d := lag - c.delay; need > 0 && (d > still*decimation || d < -still*decimation) {
		c.try(lag, need)
	}
}

// settle forgets what was noted about sound that has its reason now.
func (c *Canceller) settle() {
	c.looked, c.heard, c.strange, c.looking = 0, 0, 0, false
	c.compare.forget()
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
