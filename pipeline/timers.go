package pipeline

import (
	"iter"
	"time"

	"trunkline/pipeline/turn"
)

// Timers are a conversation's timers on one runtime timer, which is always set
// to the next of them. They belong to one goroutine at a time.
type Timers struct {
	due   map[turn.Timer]time.Time
	timer *time.Timer
}

// NewTimers makes Timers of which none is set.
func NewTimers() *Timers {
	t := &Timers{due: make(map[turn.Timer]time.Time), timer: time.NewTimer(time.Hour)}
	t.timer.Stop()

	return t
}

// Fired receives when it is time to look at what is Due.
func (t *Timers) Fired() <-chan time.Time { return t.timer.C }

// Set sets a timer, also one that is set.
func (t *Timers) Set(name turn.Timer, at time.Time) {
	t.due[name] = at
	t.arm()
}

// Clear stops a timer, if it is set.
func (t *Timers) Clear(name turn.Timer) {
	if t.IsSet(name) {
		delete(t.due, name)
		t.arm()
	}
}

// IsSet says whether a timer is set.
func (t *Timers) IsSet(name turn.Timer) bool {
	_, set := t.due[name]

	return set
}

// Due takes the timers that are due by now, in their order, and those of them
// that are set meanwhile.
func (t *Timers) Due(now time.Time) iter.Seq[turn.Timer] {
	return func(yield func(turn.Timer) bool) {
		defer t.arm()
		for {
			name, at, ok := t.first()
			if !ok || at.After(now) {
				return
			}
			delete(t.due, name)
			if !yield(name) {
				return
			}
		}
	}
}

// Stop keeps Fired quiet until a timer is set or cleared.
func (t *Timers) Stop() { t.timer.Stop() }

func (t *Timers) first() (name turn.Timer, at time.Time, ok bool) {
	for n, d := range t.due {
		if !ok || d.Before(at) || d.Equal(at) && n < name {
			name, at, ok = n, d, true
		}
	}

	return name, at, ok
}

func (t *Timers) arm() {
	if _, at, ok := t.first(); ok {
		t.timer.Reset(time.Until(at))
	} else {
		t.timer.Stop()
	}
}
