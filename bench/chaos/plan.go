package chaos

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Plan is what happens in one run. Times count from its beginning.
type Plan struct {
	Seed    uint64
	Lasts   time.Duration // the last call begins before
	Callers []Caller
	People  []Person
	Outages []Outage // in the order of their beginnings; they do not overlap
	Kills   []Kill
}

// Caller calls the gateway.
type Caller struct {
	At  time.Duration
	For time.Duration // until they hang up
}

// Person is called by the gateway.
type Person struct {
	Orders []time.Duration // when calls to them are ordered, earliest first
	Wish   Wish            // how they ask not to be called again
	At     time.Duration   // of ByLetter: when it arrives; of ByVoice: how long after the answer they say it
	For    time.Duration   // until they hang up, from the answer
}

// Wish is how a person asks not to be called again.
type Wish uint8

// The ways.
const (
	Never    Wish = iota
	ByVoice       // in their first call
	ByLetter      // somebody enters it by the API
)

// Fault is what becomes of the database.
type Fault uint8

// Faults.
const (
	Stop  Fault = iota // as its administrator stops it
	Pause              // SIGSTOP: connections stay open and nothing answers
	Crash              // SIGKILL
	faults
)

func (f Fault) String() string { return [...]string{"stopped", "paused", "killed"}[f] }

// Outage is a time without the database. One that crashed comes back by
// itself, so its time may be shorter or longer than For.
type Outage struct {
	Fault Fault
	At    time.Duration
	For   time.Duration
}

// Moment is something that the world outside does or sees.
type Moment uint8

// Moments at which the gateway may die.
const (
	Placing  Moment = iota // a call was ordered, and the answer is not there
	Dialed                 // an INVITE has come
	Answered               // a call was answered, of either direction
	Wishing                // a person has said that they want no calls
	Spooling               // the database is away, and calls run
	Moments                // how many there are
)

func (m Moment) String() string {
	return [...]string{"placing", "dialed", "answered", "wishing", "spooling"}[m]
}

// Kill is the gateway's death by SIGKILL: so long after the nth of these
// moments, or at Latest where there are not so many.
type Kill struct {
	Moment Moment
	Nth    int // from 1
	After  time.Duration
	Latest time.Duration
}

// Bounds of what is drawn.
const (
	leastTalk, mostTalk     = 1 * time.Second, 5 * time.Second
	leastOutage, mostOutage = 300 * time.Millisecond, 2500 * time.Millisecond
	mostAfter               = 40 * time.Millisecond // a transaction's time, or two
	leastNth                = 3                     // how many such moments there are to choose from at least
	// Cap is how many calls one person may get, and Insistent how often those
	// are ordered who test it.
	Cap       = 3
	Insistent = 5
)

// New draws a plan with so many calls: half of them come in, and half of the
// people are called. Every third person asks by voice for no more calls, every
// third by letter, and calls to them are ordered again and again. Of the others
// some are called more often than they may be.
func New(seed uint64, calls int, lasts time.Duration, outages, kills int) Plan {
	r := rand.New(rand.NewPCG(seed, 0))
	p := Plan{Seed: seed, Lasts: lasts}
	for range calls / 2 {
		p.Callers = append(p.Callers, Caller{At: between(r, 0, lasts*3/4), For: between(r, leastTalk, mostTalk)})
	}
	for i := range calls - calls/2 {
		p.People = append(p.People, person(r, i, lasts))
	}
	slot := lasts / time.Duration(max(1, outages))
	order := r.Perm(max(outages, int(faults)))
	for i := range outages {
		length := between(r, leastOutage, min(mostOutage, slot*3/4))
		p.Outages = append(p.Outages, Outage{
			Fault: Fault(order[i] % int(faults)), At: time.Duration(i)*slot + between(r, 0, slot-length), For: length,
		})
	}
	moments := r.Perm(max(kills, int(Moments)))
	for i := range kills {
		part := lasts / time.Duration(kills)
		p.Kills = append(p.Kills, Kill{
			Moment: Moment(moments[i] % int(Moments)), Nth: 1 + r.IntN(max(leastNth, calls/4)), After: between(r, 0, mostAfter),
			Latest: time.Duration(i)*part + between(r, part/2, part),
		})
	}

	return p
}

// person draws the ith one.
func person(r *rand.Rand, i int, lasts time.Duration) Person {
	p := Person{Wish: Wish(i % 3), For: between(r, leastTalk, mostTalk)}
	orders := Insistent
	if p.Wish == Never && r.IntN(2) == 0 {
		orders = 1
	}
	for range orders {
		p.Orders = append(p.Orders, between(r, 0, lasts))
	}
	slices.Sort(p.Orders)
	switch p.Wish {
	case ByVoice:
		p.At = between(r, 0, leastTalk)
		p.Orders[0] = min(p.Orders[0], lasts/4) // the others are to come after the wish
	case ByLetter:
		p.At = between(r, 0, lasts*3/4)
	}

	return p
}

func between(r *rand.Rand, least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}

	return least + time.Duration(r.Int64N(int64(most-least)))
}
