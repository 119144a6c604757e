package health

// State is what is known of a target.
type State uint8

// The states.
const (
	Unknown State = iota // not asked yet; it is used like one that is up
	Up
	Down
)

// String is the state's name in the API and in metrics.
func (s State) String() string { return [...]string{"unknown", "up", "down"}[s] }

// A Tracker changes its mind only after several outcomes in a row, so that
// one lost packet moves no calls. It is not for use by several goroutines at
// once.
type Tracker struct {
	// DownAfter failures in a row a target is down, and up again after
	// UpAfter successes; 0 of either means 1.
	DownAfter, UpAfter int

	state State
	run   int // outcomes in a row that speak against the state
}

// State is what is known now.
func (t *Tracker) State() State { return t.state }

// Doubt is how many outcomes in a row have spoken against the state, and how
// many of them change it. Of a target that nothing is known of they are the
// failures: the first success is enough.
func (t *Tracker) Doubt() (run, of int) {
	of = t.DownAfter
	if t.state == Down {
		of = t.UpAfter
	}

	return t.run, max(of, 1)
}

// Note takes an outcome and reports whether the state has changed. The first
// success is enough for a target that nothing is known of.
func (t *Tracker) Note(answered bool) bool {
	next, need := Down, t.DownAfter
	if answered {
		next, need = Up, t.UpAfter
	}

	if t.state == next {
		t.run = 0
		return false
	}

	first := t.state == Unknown && answered

	if t.run++; t.run < need && !first {
		return false
	}

	t.state, t.run = next, 0

	return true
}
