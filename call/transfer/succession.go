package transfer

import (
	"slices"
	"time"
)

// The states of a Succession.
const (
	Calling State = "calling" // the one who is to come is being called
	Alone   State = "alone"   // so they are, and who asked for it has hung up
)

// The kinds of events and actions of a Succession alone.
const (
	Rang  EventKind = "rang"  // the target's telephone does what Status says
	Ended EventKind = "ended" // the call is to end

	Tell    ActionKind = "tell"    // tell who asked for it Status, how it goes
	Replace ActionKind = "replace" // the target takes the caller's place
	Close   ActionKind = "close"   // nobody is left to talk with; Why tells
)

// The statuses that a Succession tells by itself (RFC 3261 section 21).
const (
	statusOK         = 200
	statusNotReached = 480
	statusTerminated = 487
)

// Succession is a transfer that the caller asks for: somebody else is called,
// and talks with the agent in the caller's place (REFER, RFC 3515). It is pure,
// as Machine is.
type Succession struct {
	ring  time.Duration
	state State
	out   []Action
}

// NewSuccession makes a Succession whose target's telephone may ring for a
// time; its first event is Started.
func NewSuccession(ring time.Duration) *Succession { return &Succession{ring: ring} }

// State is how far it has come.
func (s *Succession) State() State { return s.state }

// Step takes an event and returns what is to be done, in order. An answer that
// comes too late is dropped.
func (s *Succession) Step(e Event) []Action {
	s.out = nil
	switch s.state {
	case "":
		if e.Kind == Started {
			s.state = Calling
			s.do(Action{Kind: Dial}, Action{Kind: SetTimer, After: s.ring})
		}
	case Calling, Alone:
		s.calling(e)
	default:
		if e.Kind == Answered {
			s.do(Action{Kind: Drop})
		}
	}

	return slices.Clone(s.out)
}

func (s *Succession) calling(e Event) {
	switch e.Kind {
	case Rang:
		s.tell(e.Status)
	case Answered:
		s.tell(statusOK)
		s.do(Action{Kind: Replace})
		s.state = Over
	case NotPut:
		s.failed(e.Status, e.Why)
	case TimedOut:
		s.do(Action{Kind: Drop})
		s.failed(statusNotReached, "nobody answered")
	case CallerBye:
		s.state = Alone
	case Ended:
		s.do(Action{Kind: Drop})
		s.tell(statusTerminated)
		s.state = Over
	default:
	}
}

// failed gives the caller back to the agent, if they are there yet.
func (s *Succession) failed(status int, why string) {
	if status < 300 {
		status = statusNotReached
	}
	kind := Return
	if s.state == Alone {
		kind = Close
	}
	s.tell(status)
	s.do(Action{Kind: kind, Why: why})
	s.state = Over
}

// tell tells who asked for it, who wants to know also when they have hung up
// (RFC 5057 section 4.1).
func (s *Succession) tell(status int) { s.do(Action{Kind: Tell, Status: status}) }

func (s *Succession) do(actions ...Action) { s.out = append(s.out, actions...) }
