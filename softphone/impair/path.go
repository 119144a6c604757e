package impair

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Shape is how a path's jitter comes about.
type Shape uint8

// The shapes of jitter.
const (
	// Uniform delays each packet by itself, by up to Jitter; packets overtake
	// one another when that is more than their distance.
	Uniform Shape = iota
	// Queue is a queue that other traffic fills in bursts of exponential size
	// and that drains slowly: delays grow at once, fall slowly and keep the
	// order. About 95 % are below Jitter.
	Queue
	// Spikes holds the path still for up to twice Jitter, now and then, and
	// then delivers everything at once, as a wireless hop does. The rest is
	// punctual; about 95 % are below Jitter.
	Spikes
)

var shapes = [...]string{"uniform", "queue", "spikes"}

// String is the shape's name.
func (s Shape) String() string {
	if int(s) < len(shapes) {
		return shapes[s]
	}
	return "unknown"
}

// Network describes one direction. Its zero value is a perfect one.
type Network struct {
	Delay  time.Duration // of every packet
	Jitter time.Duration // see Shape
	Shape  Shape

	Loss  float64 // share of packets lost, 0 to 1
	Burst float64 // mean number of packets lost in a row; up to 1 means one by one (else Gilbert's model)

	Duplicates float64 // share of packets that come twice
	Reordered  float64 // share of packets held back by another Hold
	Hold       time.Duration

	Drift float64       // of the sender's clock in ppm; positive is slow: the path seems to become longer
	Rate  int           // bits per second of a link that packets pass one after the other; 0 is any
	Room  time.Duration // that packets may wait for the link before they are dropped; 0 means 200 ms

	Seed uint64
}

// Validate says what is wrong with n.
func (n Network) Validate() error {
	share := func(name string, v float64) error {
		if v < 0 || v > 1 {
			return fmt.Errorf("impair: %s %v: want a share from 0 to 1", name, v)
		}
		return nil
	}
	err := errors.Join(share("loss", n.Loss), share("duplicates", n.Duplicates), share("reordered", n.Reordered))
	switch {
	case n.Delay < 0 || n.Jitter < 0 || n.Hold < 0 || n.Room < 0 || n.Rate < 0:
		err = errors.Join(err, errors.New("impair: a time or a rate is negative"))
	case n.Loss > 0 && n.Burst > 1 && n.Loss/(1-n.Loss)/n.Burst > 1:
		err = errors.Join(err, fmt.Errorf("impair: a loss of %v in runs of %v: such a path loses everything", n.Loss, n.Burst))
	case int(n.Shape) >= len(shapes):
		err = errors.Join(err, fmt.Errorf("impair: there is no shape %d", n.Shape))
	}
	return err
}

// Path is one direction of a Network as it stands. Make one by New.
type Path struct {
	n      Network
	random *rand.Rand

	began  time.Time
	bad    bool          // a run of losses is under way
	filled time.Duration // the queue of other traffic
	moved  time.Time     // when filled was reckoned
	still  time.Time     // until when the path stands still
	free   time.Time     // when the link is free
	last   time.Time     // the latest arrival, for paths that keep the order

	stats Stats
}

// Stats counts what a Path did.
type Stats struct {
	Packets, Lost, Overflowed, Duplicated, Reordered uint64
}

// New begins a path. The same Network gives the same fates.
func New(n Network) *Path {
	if n.Room == 0 {
		n.Room = 200 * time.Millisecond
	}
	return &Path{n: n, random: rand.New(rand.NewPCG(n.Seed, 0x6d65646961))}
}

// Stats is what became of the packets so far.
func (p *Path) Stats() Stats { return p.stats }

// Step takes a packet of size octets at at, in the order of sending, and tells
// when it arrives: not at all when copies is 0, first and again when it is 2.
func (p *Path) Step(at time.Time, size int) (arrive [2]time.Time, copies int) {
	if p.began.IsZero() {
		p.began, p.moved = at, at
	}
	p.stats.Packets++
	// What is drawn does not depend on what was drawn before: the losses are
	// the same whatever the jitter is.
	lost := p.loses()
	jitter := p.jitter(at)
	twice := p.random.Float64() < p.n.Duplicates
	held := p.random.Float64() < p.n.Reordered
	if lost {
		p.stats.Lost++
		return arrive, 0
	}
	sent, ok := p.pass(at, size)
	if !ok {
		p.stats.Overflowed++
		return arrive, 0
	}
	drift := time.Duration(float64(at.Sub(p.began)) * p.n.Drift / 1e6)
	due := sent.Add(max(p.n.Delay+jitter+drift, 0))
	if p.n.Shape != Uniform {
		if due.Before(p.last) {
			due = p.last
		}
		p.last = due
	}
	if held {
		p.stats.Reordered++
		due = due.Add(p.n.Hold)
	}
	arrive[0], arrive[1] = due, due
	if twice {
		p.stats.Duplicated++
		return arrive, 2
	}
	return arrive, 1
}

// loses draws the fate of one packet.
func (p *Path) loses() bool {
	draw := p.random.Float64()
	switch {
	case p.n.Burst <= 1:
		return draw < p.n.Loss
	case p.bad:
		p.bad = draw >= 1/p.n.Burst
	default:
		p.bad = draw < p.n.Loss/(1-p.n.Loss)/p.n.Burst
	}
	return p.bad
}

// jitter draws what one packet is delayed by.
func (p *Path) jitter(at time.Time) time.Duration {
	const (
		perPacket = float64(20 * time.Millisecond) // of the figures below
		drains    = 0.15                           // of Jitter, in that time
		bursts    = 0.2                            // probability
		fills     = 0.3                            // of Jitter, on average
		stands    = 0.07                           // probability
	)
	a, b := p.random.Float64(), p.random.ExpFloat64()
	passed := float64(at.Sub(p.moved)) / perPacket
	p.moved = at
	switch p.n.Shape {
	case Queue:
		p.filled = max(p.filled-time.Duration(drains*passed*float64(p.n.Jitter)), 0)
		if a < bursts*min(passed, 1) {
			p.filled += time.Duration(b * fills * float64(p.n.Jitter))
		}
		return p.filled
	case Spikes:
		if at.After(p.still) && a < stands*min(passed, 1) {
			p.still = at.Add(time.Duration(2 * float64(p.n.Jitter) * p.random.Float64()))
		}
		return max(p.still.Sub(at), 0)
	default:
		return time.Duration(a * float64(p.n.Jitter))
	}
}

// pass sends a packet over the narrow link.
func (p *Path) pass(at time.Time, size int) (sent time.Time, ok bool) {
	const headers, octet = 28, 8 // IPv4 and UDP
	if p.n.Rate == 0 {
		return at, true
	}
	if p.free.Before(at) {
		p.free = at
	}
	if p.free.Sub(at) > p.n.Room {
		return at, false
	}
	p.free = p.free.Add(time.Duration((size+headers)*octet) * time.Second / time.Duration(p.n.Rate))
	return p.free, true
}
