package sip

import (
	"slices"
	"time"
)

// agenda holds what is to be done later by one goroutine, which waits for c
// and then calls due. The zero value is empty. A dialog has a handful of
// appointments, so a list does.
type agenda struct {
	list  []*appointment // soonest first
	timer *time.Timer    // nil until something was to be done
}

// appointment is one thing to do.
type appointment struct {
	at time.Time
	do func()
}

// after has f called when d has passed.
func (a *agenda) after(d time.Duration, f func()) *appointment {
	x := &appointment{at: time.Now().Add(d), do: f}

	i := len(a.list)
	for i > 0 && a.list[i-1].at.After(x.at) {
		i--
	}

	a.list = slices.Insert(a.list, i, x)
	a.wind()

	return x
}

// cancel forgets an appointment; nil, and one that is over, are nothing to
// forget.
func (a *agenda) cancel(x *appointment) {
	if i := slices.Index(a.list, x); i >= 0 {
		a.list = slices.Delete(a.list, i, i+1)
		a.wind()
	}
}

// wind sets the timer to the soonest appointment.
func (a *agenda) wind() {
	if len(a.list) == 0 {
		if a.timer != nil {
			a.timer.Stop()
		}

		return
	}

	wait := time.Until(a.list[0].at)
	if a.timer == nil {
		a.timer = time.NewTimer(wait)
	} else {
		a.timer.Reset(wait)
	}
}

// c receives when due is to be called; nil before the first appointment.
func (a *agenda) c() <-chan time.Time {
	if a.timer == nil {
		return nil
	}

	return a.timer.C
}

// due does what is due at now.
func (a *agenda) due(now time.Time) {
	for len(a.list) > 0 && !a.list[0].at.After(now) {
		x := a.list[0]
		a.list = slices.Delete(a.list, 0, 1)
		x.do()
	}

	a.wind()
}

// clear forgets everything.
func (a *agenda) clear() {
	a.list = nil
	a.wind()
}
