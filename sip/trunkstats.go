package sip

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// CallClass is what became of a call that was not answered, or how it failed.
type CallClass string

// The classes.
const (
	ClassBusy        CallClass = "busy"         // 486, 600
	ClassNoAnswer    CallClass = "no_answer"    // 408, 480
	ClassNumber      CallClass = "number"       // 404, 410, 484, 604: nobody has it
	ClassForbidden   CallClass = "forbidden"    // 401, 403, 407
	ClassDeclined    CallClass = "declined"     // 603, 607, 608
	ClassRejected    CallClass = "rejected"     // any other refusal by 3xx, 4xx or 6xx
	ClassServer      CallClass = "server"       // 5xx
	ClassTimeout     CallClass = "timeout"      // no final response
	ClassUnreachable CallClass = "unreachable"  // no hop could be reached
	ClassCancelled   CallClass = "cancelled"    // the caller gave up
	ClassLimited     CallClass = "limited"      // our own limits, or we are draining
	ClassNotAdmitted CallClass = "not_admitted" // its admission did not hold until it left
	ClassOther       CallClass = "other"
)

// CallClasses lists all classes.
func CallClasses() []CallClass {
	return []CallClass{
		ClassBusy, ClassNoAnswer, ClassNumber, ClassForbidden, ClassDeclined, ClassRejected,
		ClassServer, ClassTimeout, ClassUnreachable, ClassCancelled, ClassLimited, ClassNotAdmitted, ClassOther,
	}
}

// DelayBounds are the upper bounds of PostDialDelay's buckets.
var DelayBounds = []time.Duration{
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second,
	2 * time.Second, 4 * time.Second, 6 * time.Second, 10 * time.Second, 20 * time.Second,
}

// CallCounts counts a trunk's calls of one direction.
type CallCounts struct {
	Attempts uint64
	Answers  uint64
	Failures map[CallClass]uint64
}

// TrunkStatus is how a trunk does.
type TrunkStatus struct {
	Name         string
	Calls        int // gauge: in progress
	MaxCalls     int // 0 for no limit of its own
	Inbound      CallCounts
	Outbound     CallCounts
	Targets      []TargetStatus
	Registration *RegistrationStatus // nil when the trunk is not registered
	// PostDialDelay counts, by DelayBounds and one beyond, the times from our
	// INVITE until something was heard of the callee: 18x or an answer.
	PostDialDelay    []uint64
	PostDialDelaySum time.Duration
}

// tally counts a trunk's calls.
type tally struct {
	mu       sync.Mutex
	in, out  CallCounts
	delays   []uint64
	delaySum time.Duration
}

func (t *tally) side(inbound bool) *CallCounts {
	if inbound {
		return &t.in
	}

	return &t.out
}

func (t *tally) attempted(inbound bool) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.side(inbound).Attempts++
}

func (t *tally) answered(inbound bool) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.side(inbound).Answers++
}

func (t *tally) failed(inbound bool, class CallClass) {
	t.mu.Lock()
	defer t.mu.Unlock()

	side := t.side(inbound)
	if side.Failures == nil {
		side.Failures = make(map[CallClass]uint64)
	}

	side.Failures[class]++
}

func (t *tally) rang(after time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()

	if t.delays == nil {
		t.delays = make([]uint64, len(DelayBounds)+1)
	}

	i, _ := slices.BinarySearch(DelayBounds, after)
	t.delays[i]++
	t.delaySum += after
}

// activate says that the call is answered.
func (d *Dialog) activate() {
	d.phase = active

	if d.trunk != nil {
		d.trunk.tally.answered(d.info.Inbound)
	}
}

// tally counts how a call ends that was not answered.
func (d *Dialog) tally(cause error) {
	if d.trunk == nil || d.phase != early {
		return
	}

	class := classOf(cause)

	if d.info.Inbound && class != ClassCancelled {
		if status := int(d.invite.status.Load()); status >= 300 {
			class = classOfStatus(status)
		}
	}

	d.trunk.tally.failed(d.info.Inbound, class)
}

// heardOf notes how long it took until something was heard of the callee.
func (d *Dialog) heardOf(status int) {
	if d.trunk == nil || d.placed.IsZero() || status <= 100 || status >= 300 {
		return
	}

	d.trunk.tally.rang(time.Since(d.placed))
	d.placed = time.Time{}
}

// classOf says to which class a call's end belongs.
func classOf(cause error) CallClass {
	var status *StatusError

	switch {
	case errors.As(cause, &status):
		return classOfStatus(status.Code)
	case errors.Is(cause, ErrNotAdmitted):
		return ClassNotAdmitted
	case errors.Is(cause, ErrTimeout):
		return ClassTimeout
	case errors.Is(cause, ErrUnreachable):
		return ClassUnreachable
	case errors.Is(cause, ErrCancelled), errors.Is(cause, ErrHungUp), errors.Is(cause, ErrRemoteBye):
		return ClassCancelled
	case errors.Is(cause, ErrLimit), errors.Is(cause, ErrStopped):
		return ClassLimited
	case errors.Is(cause, ErrRejected):
		return ClassRejected
	default:
		return ClassOther
	}
}

func classOfStatus(status int) CallClass {
	switch {
	case status == 486 || status == 600:
		return ClassBusy
	case status == 408 || status == 480:
		return ClassNoAnswer
	case status == 404 || status == 410 || status == 484 || status == 604:
		return ClassNumber
	case status == 401 || status == 403 || status == 407:
		return ClassForbidden
	case status == 603 || status == 607 || status == 608:
		return ClassDeclined
	case status/100 == 5:
		return ClassServer
	default:
		return ClassRejected
	}
}

// Trunks tells how the trunks do, in the order of their configuration.
func (ua *UA) Trunks() []TrunkStatus {
	all := make([]TrunkStatus, 0, len(ua.cfg.Trunks))
	for _, c := range ua.cfg.Trunks {
		all = append(all, ua.gate.trunks[c.Name].report())
	}

	return all
}

func (t *trunk) report() TrunkStatus {
	s := TrunkStatus{Name: t.Name, Calls: int(t.calls.Load()), MaxCalls: t.MaxCalls}
	if t.registrar != nil {
		s.Registration = t.registrar.report()
	}

	for i, target := range t.Targets {
		if i < len(t.probers) {
			s.Targets = append(s.Targets, t.probers[i].report())
		} else {
			s.Targets = append(s.Targets, TargetStatus{URI: target.URI})
		}
	}

	t.tally.mu.Lock()
	defer t.tally.mu.Unlock()

	s.Inbound, s.Outbound = t.tally.in.clone(), t.tally.out.clone()
	s.PostDialDelay, s.PostDialDelaySum = slices.Clone(t.tally.delays), t.tally.delaySum

	return s
}

func (c CallCounts) clone() CallCounts {
	failures := make(map[CallClass]uint64, len(c.Failures))
	for class, n := range c.Failures {
		failures[class] = n
	}

	c.Failures = failures

	return c
}
