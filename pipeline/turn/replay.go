package turn

// Replay runs events through a new machine and returns the actions of each.
// A call's logged events give the logged actions.
func Replay(c Config, events []Event) [][]Action {
	m := New(c)
	all := make([][]Action, len(events))
	for i, e := range events {
		all[i] = m.Step(e)
	}

	return all
}
