package echo

import "math"

// Limits of a trial.
const (
	pace     = 2              // frames of the past that are learnt per frame
	recent   = lookEvery + 4  // frames that are learnt of the time before a suspicion, when there is a filter
	longest  = nearFrames + 8 // frames until the suspicion is dropped
	memory   = 0.9            // weight of the evidence before, per frame
	most     = 2              // evidence of one frame, as powers of two
	against  = -1             // and at least: a new sound is not learnt yet
	hopeless = -5             // evidence that ends a trial
)

// trial puts a suspected delay to the proof: the spare filter learns from what
// is kept of the call, a few frames at a time, and catches up with it. It is
// judged by what it leaves of frames from which it has not learnt yet, next to
// what is left of them now. Each frame counts alike, however loud.
type trial struct {
	on       bool
	lag      int     // samples
	need     float32 // evidence that is enough
	next     int     // number of the frame that is learnt next
	learnt   int     // frames
	evidence float32 // by how many powers of two less is left
}

// try begins the trial of a delay.
func (c *Canceller) try(lag int, need float32) {
	if c.spare == nil {
		c.spare = newFilter()
	}
	past := nearFrames
	if c.filter != nil { // the path has changed not long ago
		past = recent
	}
	near, far := c.powers(lag)
	c.spare.reset(min(0.5, max(0.0005, near/(far+1))))
	c.trial = trial{on: true, lag: lag, need: need, next: max(c.frames-past, 0)}
}

// test goes on with the trial. A filter that proves itself takes over.
func (c *Canceller) test() {
	t := &c.trial
	for range pace {
		if !t.on || t.next >= c.frames {
			return
		}
		c.study()
		switch {
		case t.evidence >= t.need:
			c.adopt()
		case t.evidence <= hopeless, t.learnt >= longest:
			t.on = false
		}
	}
}

// study lets the spare filter learn the next frame, and notes what it left.
func (c *Canceller) study() {
	t, f := &c.trial, c.spare
	var x, d, y, e [block]float32
	c.far.read(x[:], t.next*block-max(t.lag-early, 0))
	c.near.read(d[:], t.next*block)
	now := c.rests[t.next%nearFrames]
	made := c.madeUp >> (c.frames - 1 - t.next) & 3 // the frame, and the one before
	t.next++
	t.learnt++
	f.push(&x)
	if made != 0 {
		return
	}
	f.echo(&y)
	_, left, _ := subtract(&e, &d, &y)
	f.learn(&e)
	if mean(&x) > farFloor {
		less := float32(math.Log2(float64((now + 1) / (left + 1))))
		t.evidence = memory*t.evidence + max(against, min(most, less))
	}
}

// adopt puts the filter on trial to work.
func (c *Canceller) adopt() {
	lag := c.trial.lag
	c.trial.on = false
	c.spare, c.filter = c.filter, c.spare
	c.clean = false
	c.leak, c.age, c.doubted = firstLeak, 0, 0
	c.echoSum, c.farSum = c.powers(lag)
	c.delay = lag
	c.fill(c.filter, lag, c.frames)
	c.settle()
}

// powers are the near end's mean power, and that of what may have caused it,
// in what is kept of the call.
func (c *Canceller) powers(lag int) (near, far float32) {
	late := (lag + block/2) / block
	for n := max(c.frames-nearFrames, 0); n < c.frames; n++ {
		near += c.nearPower[n%nearFrames]
		if n >= late {
			far += c.farPower[(n-late)%farFrames]
		}
	}
	return near / nearFrames, far / nearFrames
}
