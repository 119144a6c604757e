package registration

import (
	"math"
	"time"
)

// State is how a trunk stands with its registrar.
type State uint8

// The states.
const (
	Trying     State = iota // not yet registered
	Registered              // the registrar sends us calls
	Failing                 // it did not take our last request; another one follows
	Removed                 // we asked to be forgotten
)

// String is the state's name in the API and in metrics.
func (s State) String() string {
	return [...]string{"trying", "registered", "failing", "removed"}[s]
}

const (
	backOffFirst  = 4 * time.Second
	backOffMost   = 10 * time.Minute
	refusedFirst  = 5 * time.Minute // after a refusal that only the operator can mend
	maxExpires    = 24 * time.Hour
	leastLifetime = 10 * time.Second // of a binding that is worth refreshing in time

	leastConnection = time.Minute // that is kept for more than one request
)

// An Answer is a registrar's final response.
type Answer struct {
	Status     int
	Granted    time.Duration // life of our binding; 0 when it is not among those listed
	MinExpires time.Duration // of a 423
	RetryAfter time.Duration // 0 when the response does not say
}

// A Step is the next REGISTER: when it is sent, and the life that it asks
// for.
type Step struct {
	Wait    time.Duration
	Expires time.Duration
}

// A Machine is the registration of one trunk. It is not for use by several
// goroutines at once.
type Machine struct {
	expires  time.Duration
	state    State
	failures int // in a row
	raised   bool
}

// New makes a Machine that asks for bindings of the given life.
func New(expires time.Duration) *Machine {
	return &Machine{expires: max(expires, leastLifetime)}
}

// State tells how the trunk stands.
func (m *Machine) State() State { return m.state }

// First is the first REGISTER, after a delay that keeps the trunks of many
// gateways from asking at once. chance is in [0, 1).
func (m *Machine) First(chance float64) Step {
	return Step{Wait: time.Duration(chance * float64(time.Second)), Expires: m.expires}
}

// Answered takes a registrar's answer. chance, in [0, 1), spreads what
// follows.
func (m *Machine) Answered(a Answer, chance float64) Step {
	switch {
	case a.Status/100 == 2 && a.Granted > 0:
		m.state, m.failures, m.raised = Registered, 0, false

		// Between 75 and 85 % of its life: there is time left to try again.
		return Step{Wait: time.Duration((0.75 + 0.1*chance) * float64(a.Granted)), Expires: m.expires}
	case a.Status == 423 && a.MinExpires > m.expires && a.MinExpires <= maxExpires && !m.raised:
		m.expires, m.raised = a.MinExpires, true
		return Step{Expires: m.expires}
	default:
		return m.backOff(firstWait(a.Status), a.RetryAfter, chance)
	}
}

// firstWait is the wait after the first refusal of a kind: a wrong password
// does not become right by asking often, and may lock the account.
func firstWait(status int) time.Duration {
	switch status {
	case 401, 403, 404, 407:
		return refusedFirst
	default:
		return backOffFirst
	}
}

// Lost takes that the connection to the registrar has ended after it lived for
// a while: calls come by it, and a registrar that would dial a new one does not
// find us behind a NAT. One that closes each connection soon does not send calls
// by them, and then next stays the next step. chance is in [0, 1).
func (m *Machine) Lost(lived time.Duration, next Step, chance float64) Step {
	if lived < leastConnection {
		return next
	}

	m.state = Trying

	return m.First(chance)
}

// Failed takes that no answer came.
func (m *Machine) Failed(chance float64) Step { return m.backOff(backOffFirst, 0, chance) }

// backOff doubles the wait with each failure in a row, and draws it from its
// upper half (RFC 5626 section 4.5).
func (m *Machine) backOff(first, asked time.Duration, chance float64) Step {
	most := max(backOffMost, 2*first)
	wait := min(float64(first)*math.Exp2(float64(m.failures)), float64(most))
	wait *= 0.5 + 0.5*chance

	m.failures++
	m.state, m.raised = Failing, false

	return Step{Wait: max(time.Duration(wait), min(asked, time.Hour)), Expires: m.expires}
}

// Remove says that the trunk is to be forgotten. It reports whether the
// registrar has to be told.
func (m *Machine) Remove() bool {
	told := m.state == Registered
	m.state = Removed

	return told
}
