package pipeline

import (
	"time"

	"trunkline/pipeline/turn"
)

// timers are the machine's timers on one runtime timer, which is always set
// to the next of them.
type timers struct {
	due   map[turn.Timer]time.Time
	timer *time.Timer
}

func (t *timers) init() {
	t.due = make(map[turn.Timer]time.Time)
	t.timer = time.NewTimer(time.Hour)
	t.timer.Stop()
}

func (t *timers) fired() <-chan time.Time { return t.timer.C }

func (t *timers) set(name turn.Timer, at time.Time) {
	t.due[name] = at
	t.arm()
}

func (t *timers) clear(name turn.Timer) {
	if _, set := t.due[name]; set {
		delete(t.due, name)
		t.arm()
	}
}

// next takes the timer that was due first, if any was due by now.
func (t *timers) next(now time.Time) (turn.Timer, bool) {
	name, at, ok := t.first()
	if !ok || at.After(now) {
		t.arm()

		return "", false
	}
	delete(t.due, name)

	return name, true
}

func (t *timers) first() (name turn.Timer, at time.Time, ok bool) {
	for n, d := range t.due {
		if !ok || d.Before(at) || d.Equal(at) && n < name {
			name, at, ok = n, d, true
		}
	}

	return name, at, ok
}

func (t *timers) arm() {
	if _, at, ok := t.first(); ok {
		t.timer.Reset(time.Until(at))
	} else {
		t.timer.Stop()
	}
}

func (t *timers) stop() { t.timer.Stop() }
