package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Seen is what the world outside the gateway did and saw.
type Seen struct {
	Orders  []Order
	Dials   []Dial
	Answers []Answer
	Wishes  []Stated
}

// Order is a call that was ordered, and what was answered to that.
type Order struct {
	Number   string
	Call     uuid.UUID // that the gateway named; zero: it named none
	Decision uuid.UUID // of a denial; zero: none was named
}

// Denied says that the order was denied, by a stored decision.
func (o *Order) Denied() bool { return o.Decision != uuid.Nil }

// Failed says that nothing came of the order, as far as was told.
func (o *Order) Failed() bool { return o.Call == uuid.Nil && !o.Denied() }

// Dial is an INVITE that came to a person.
type Dial struct {
	Number string
	Call   uuid.UUID
	At     time.Time
}

// Answer is a call that was answered, in either direction.
type Answer struct {
	Call uuid.UUID
	At   time.Time
}

// Stated is a person's wish not to be called.
type Stated struct {
	Number string
	At     time.Time
	// Promised is when the gateway confirmed it; zero: it did not.
	Promised time.Time
}

// Kept is what the records hold afterwards.
type Kept struct {
	Decisions map[uuid.UUID]Decision
	Attempts  map[uuid.UUID]uuid.UUID // decision by the attempt's id
	ByCall    map[uuid.UUID][]uuid.UUID
	Stopped   map[string]int     // suppressions by number
	Open      map[uuid.UUID]bool // whether a call's record is open still, by the call
}

// Decision is one that stands in the ledger.
type Decision struct {
	Allow     bool
	At, Until time.Time
}

// slack is by how much two clocks of one machine, read in two processes, may
// be taken to differ.
const slack = 10 * time.Millisecond

// Account says, in a sentence each, what is not as it has to be: a dial
// without a decision that allowed it in time, one after a promise that there
// would be none, a fourth one, a second one of the same order, an answered call without a closed record, and
// whatever the gateway said was so and is not in the records.
func Account(s *Seen, k *Kept) []string {
	a := &accountant{kept: k}
	for i := range s.Dials {
		a.dial(&s.Dials[i])
	}
	a.caps(s.Dials)
	a.promises(s)
	for _, o := range s.Orders {
		a.order(&o)
	}
	for _, c := range s.Answers {
		a.answer(c)
	}
	a.open()

	return a.wrong
}

type accountant struct {
	kept  *Kept
	wrong []string
}

func (a *accountant) wrongf(format string, args ...any) {
	a.wrong = append(a.wrong, fmt.Sprintf(format, args...))
}

// dial looks for the decision that allowed a dial.
func (a *accountant) dial(d *Dial) {
	attempts := a.kept.ByCall[d.Call]
	if len(attempts) == 0 {
		a.wrongf("call %s was dialed at %s and no attempt stands in the ledger", d.Call, clock(d.At))

		return
	}
	var why []string
	for _, attempt := range attempts {
		of := a.kept.Attempts[attempt]
		decision, known := a.kept.Decisions[of]
		switch {
		case !known:
			why = append(why, fmt.Sprintf("decision %s is missing", of))
		case !decision.Allow:
			why = append(why, fmt.Sprintf("decision %s denies it", of))
		case d.At.Before(decision.At.Add(-slack)):
			why = append(why, fmt.Sprintf("decision %s came after it, at %s", of, clock(decision.At)))
		case d.At.After(decision.Until.Add(slack)):
			why = append(why, fmt.Sprintf("decision %s held until %s", of, clock(decision.Until)))
		default:
			return
		}
	}
	a.wrongf("call %s was dialed at %s and may not have been: %s", d.Call, clock(d.At), strings.Join(why, "; "))
}

// caps counts the dials to each person, and of each order.
func (a *accountant) caps(dials []Dial) {
	of, calls := map[string]int{}, map[uuid.UUID]int{}
	for _, d := range dials {
		of[d.Number]++
		if calls[d.Call]++; calls[d.Call] == 2 {
			a.wrongf("call %s was dialed twice, the second time at %s", d.Call, clock(d.At))
		}
	}
	for number, n := range of {
		if n > Cap {
			a.wrongf("%d dials to %s, which may have %d", n, masked(number), Cap)
		}
	}
}

// promises looks for what was confirmed to people, and for dials against it.
func (a *accountant) promises(s *Seen) {
	for _, w := range s.Wishes {
		if w.Promised.IsZero() {
			continue
		}
		if n := a.kept.Stopped[w.Number]; n == 0 {
			a.wrongf("%s was promised at %s not to be called, and no suppression stands in the ledger", masked(w.Number), clock(w.Promised))
		}
		for _, d := range s.Dials {
			if d.Number == w.Number && d.At.After(w.Promised) {
				a.wrongf("%s was dialed at %s and had been promised at %s not to be called", masked(w.Number), clock(d.At), clock(w.Promised))
			}
		}
	}
}

// order checks what the gateway answered to an order.
func (a *accountant) order(o *Order) {
	if o.Call != uuid.Nil && len(a.kept.ByCall[o.Call]) == 0 {
		a.wrongf("call %s was accepted and no attempt stands in the ledger", o.Call)
	}
	if !o.Denied() {
		return
	}
	switch d, known := a.kept.Decisions[o.Decision]; {
	case !known:
		a.wrongf("a call was denied by decision %s, which the ledger does not have", o.Decision)
	case d.Allow:
		a.wrongf("a call was denied by decision %s, which allows it in the ledger", o.Decision)
	}
}

// answer looks for the record of an answered call.
func (a *accountant) answer(c Answer) {
	if _, known := a.kept.Open[c.Call]; !known {
		a.wrongf("call %s was answered at %s and has no record", c.Call, clock(c.At))
	}
}

// open names the calls whose record is not closed.
func (a *accountant) open() {
	var ids []string
	for id, open := range a.kept.Open {
		if open {
			ids = append(ids, id.String())
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		a.wrongf("the record of call %s is not closed", id)
	}
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// masked is the end of a number, which tells the people of a run apart.
func masked(number string) string { return "…" + number[max(0, len(number)-3):] }
