package transfer

import (
	"slices"
	"time"
)

// How a target is reached.
type How string

// The ways. Either tries Refer and, when the carrier refuses it, Bridge.
const (
	Bridge How = "bridge"
	Refer  How = "refer"
	Either How = "either"
)

// Config is what a transfer is to be.
type Config struct {
	How    How
	Ring   time.Duration // how long the person's telephone rings
	Brief  bool          // the person is told something before the caller is joined
	Accept byte          // the key by which the person takes the call; 0: the answer is enough
	// Decide is how long the person may take to press it, from the end of the
	// briefing.
	Decide time.Duration
}

// State is how far a transfer has come.
type State string

// The states.
const (
	Asking   State = "asking"   // the carrier was asked to transfer the call
	Dialing  State = "dialing"  // the person is being called
	Briefing State = "briefing" // the person hears who waits
	Deciding State = "deciding" // the person is to press the key
	Joined   State = "joined"   // caller and person talk
	Passed   State = "passed"   // they talk, joined by the carrier
	Over     State = "over"
)

// EventKind is what happened.
type EventKind string

// The kinds of events.
const (
	Started   EventKind = "started"
	Took      EventKind = "took"       // the carrier has transferred the call
	Refused   EventKind = "refused"    // it has not, and the caller is where they were; Why tells
	Reached   EventKind = "reached"    // it has joined caller and person, and goes on telling
	Answered  EventKind = "answered"   // the person's telephone was
	NotPut    EventKind = "not_put"    // the person was not reached, by whomever; Why tells
	Briefed   EventKind = "briefed"    // the person has heard the briefing
	Pressed   EventKind = "pressed"    // the person pressed Key
	TimedOut  EventKind = "timed_out"  // the timer has run off
	PersonBye EventKind = "person_bye" // the person hung up
	CallerBye EventKind = "caller_bye" // the caller hung up, or the call is to end
)

// Event is what happened.
type Event struct {
	Kind   EventKind
	Key    byte
	Status int // of Rang and NotPut, as SIP numbers them; 0: none is known
	Why    string
}

// ActionKind is what is to be done.
type ActionKind string

// The kinds of actions.
const (
	Ask      ActionKind = "ask"       // send the carrier a REFER
	Dial     ActionKind = "dial"      // call the person; Answered or NotPut follows
	Brief    ActionKind = "brief"     // tell the person who waits; Briefed follows
	SetTimer ActionKind = "set_timer" // TimedOut follows after After, unless another timer is set
	Join     ActionKind = "join"      // let them talk; the agent leaves
	Drop     ActionKind = "drop"      // hang up on the person, or give up calling them
	Return   ActionKind = "return"    // the caller comes back to the agent; Why tells
	Finish   ActionKind = "finish"    // the call is over: the caller was put through
)

// Action is what is to be done.
type Action struct {
	Kind   ActionKind
	After  time.Duration // of SetTimer
	Status int           // of Tell
	Why    string        // of Return and Close
}

// Machine is one transfer.
type Machine struct {
	cfg   Config
	state State
	out   []Action
}

// New makes a Machine; its first event is Started.
func New(c Config) *Machine { return &Machine{cfg: c} }

// State is how far the transfer has come.
func (m *Machine) State() State { return m.state }

// Step takes an event and returns what is to be done, in order. Events that do
// not fit the state, such as an answer that crosses a hang-up, ask for what
// undoes them.
func (m *Machine) Step(e Event) []Action {
	m.out = nil
	switch {
	case m.state == Over:
		if e.Kind == Answered {
			m.do(Drop)
		}
	case e.Kind == CallerBye:
		if m.state != Asking && m.state != Passed {
			m.do(Drop)
		}
		m.state = Over
	default:
		m.step(e)
	}

	return slices.Clone(m.out)
}

func (m *Machine) step(e Event) {
	switch m.state {
	case "":
		if e.Kind == Started {
			m.begin()
		}
	case Asking:
		m.asking(e)
	case Dialing:
		m.dialing(e)
	case Briefing, Deciding:
		m.deciding(e)
	case Joined:
		if e.Kind == PersonBye {
			m.state = Over
			m.do(Finish)
		}
	case Passed:
		if e.Kind == Took {
			m.state = Over
			m.do(Finish)
		}
	case Over:
	}
}

func (m *Machine) begin() {
	if m.cfg.How == Bridge {
		m.dial()

		return
	}
	m.state = Asking
	m.do(Ask)
}

func (m *Machine) asking(e Event) {
	switch {
	case e.Kind == Took:
		m.state = Over
		m.do(Finish)
	case e.Kind == Reached:
		m.state = Passed
	case e.Kind == Refused && m.cfg.How == Either:
		m.dial()
	case e.Kind == Refused, e.Kind == NotPut:
		m.back(e.Why)
	}
}

func (m *Machine) dial() {
	m.state = Dialing
	m.do(Dial)
	m.timer(m.cfg.Ring)
}

func (m *Machine) dialing(e Event) {
	switch e.Kind {
	case Answered:
		if m.cfg.Brief {
			m.state = Briefing
			m.do(Brief)
		} else {
			m.briefed()
		}
	case NotPut:
		m.back(e.Why)
	case TimedOut:
		m.do(Drop)
		m.back("nobody answered")
	default:
	}
}

// briefed goes on when the person knows who waits.
func (m *Machine) briefed() {
	if m.cfg.Accept == 0 {
		m.join()

		return
	}
	m.state = Deciding
	m.timer(m.cfg.Decide)
}

func (m *Machine) deciding(e Event) {
	switch {
	case e.Kind == PersonBye:
		m.back("declined")
	case e.Kind == Pressed && m.cfg.Accept != 0 && e.Key == m.cfg.Accept:
		m.join()
	case e.Kind == Pressed && m.cfg.Accept != 0:
		m.do(Drop)
		m.back("declined")
	case e.Kind == Briefed && m.state == Briefing:
		m.briefed()
	case e.Kind == TimedOut && m.state == Deciding:
		m.do(Drop)
		m.back("not accepted")
	}
}

func (m *Machine) join() {
	m.state = Joined
	m.do(Join)
}

func (m *Machine) back(why string) {
	m.state = Over
	m.out = append(m.out, Action{Kind: Return, Why: why})
}

func (m *Machine) timer(after time.Duration) {
	m.out = append(m.out, Action{Kind: SetTimer, After: after})
}

func (m *Machine) do(k ActionKind) { m.out = append(m.out, Action{Kind: k}) }
