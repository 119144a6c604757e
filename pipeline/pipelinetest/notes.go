package pipelinetest

import (
	"slices"
	"sync"

	"trunkline/pipeline"
	"trunkline/pipeline/turn"
)

// Notes is a pipeline.Observer that remembers.
type Notes struct {
	mu      sync.Mutex
	events  []turn.Event
	actions [][]turn.Action // of each event
	state   turn.State
	turns   []pipeline.Turn
}

// Step implements pipeline.Observer.
func (n *Notes) Step(e turn.Event, actions []turn.Action, s turn.State) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events, n.actions, n.state = append(n.events, e), append(n.actions, actions), s
}

// Words implements pipeline.Observer.
func (*Notes) Words(pipeline.Role, string, bool) {}

// Turn implements pipeline.Observer.
func (n *Notes) Turn(t pipeline.Turn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.turns = append(n.turns, t)
}

// State is the machine's.
func (n *Notes) State() turn.State {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.state
}

// Events are all so far.
func (n *Notes) Events() []turn.Event {
	n.mu.Lock()
	defer n.mu.Unlock()

	return slices.Clone(n.events)
}

// Of are the events of a kind, in order.
func (n *Notes) Of(kind turn.EventKind) (all []turn.Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.events {
		if n.events[i].Kind == kind {
			all = append(all, n.events[i])
		}
	}

	return all
}

// Did are the actions of a kind, in order.
func (n *Notes) Did(kind turn.ActionKind) (all []turn.Action) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range slices.Concat(n.actions...) {
		if a.Kind == kind {
			all = append(all, a)
		}
	}

	return all
}

// Turns are those of both sides so far.
func (n *Notes) Turns() []pipeline.Turn {
	n.mu.Lock()
	defer n.mu.Unlock()

	return slices.Clone(n.turns)
}

// Said is what one side wanted to say, turn by turn.
func (n *Notes) Said(r pipeline.Role) []string {
	return n.texts(r, func(t *pipeline.Turn) string { return t.Text })
}

// Heard is what was heard of one side, turn by turn.
func (n *Notes) Heard(r pipeline.Role) []string {
	return n.texts(r, func(t *pipeline.Turn) string { return t.Heard })
}

func (n *Notes) texts(r pipeline.Role, of func(*pipeline.Turn) string) (all []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range n.turns {
		if t := &n.turns[i]; t.Role == r {
			all = append(all, of(t))
		}
	}

	return all
}
