package acceptance

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// Tests of speech in real time need a machine that keeps time. On one that is
// busy with other things the jitter buffers run dry, words are misheard, and
// what is measured is the machine.
const (
	beat       = 20 * time.Millisecond
	stoodStill = 60 * time.Millisecond // a beat that is so late spoils speech
	attempts   = 3
)

// pulse notes when this process was kept from running, as the gateways beside
// it will have been.
type pulse struct {
	mu   sync.Mutex
	late []lateBeat
	stop chan struct{}
	done chan struct{}
}

type lateBeat struct {
	at time.Time
	by time.Duration
}

var machine = pulse{stop: make(chan struct{}), done: make(chan struct{})}

func (p *pulse) run() {
	defer close(p.done)
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-tick.C:
		case <-p.stop:
			return
		}
		now := time.Now()
		if by := now.Sub(last) - beat; by >= stoodStill {
			p.mu.Lock()
			p.late = append(p.late, lateBeat{now, by})
			p.mu.Unlock()
		}
		last = now
	}
}

func (p *pulse) end() {
	close(p.stop)
	<-p.done
}

// longest is for how long the machine has stood still at most since a time; 0
// when it kept time.
func (p *pulse) longest(since time.Time) (longest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.late {
		if l.at.After(since) {
			longest = max(longest, l.by)
		}
	}

	return longest
}

// reporter takes what is wrong: a test, or one attempt of it.
type reporter interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
}

// attempt is a test's body that may be run again. Its errors are the test's
// only when it was the last one; Fatal is the test's at once.
type attempt struct {
	*testing.T

	number int
	wrong  []string
}

func (a *attempt) Errorf(format string, args ...any) {
	a.wrong = append(a.wrong, fmt.Sprintf(format, args...))
}

// calmly runs what only a machine can pass that keeps time. What fails while
// this one did not is run again, twice at most; what fails on a calm machine
// is wrong.
func calmly(t *testing.T, do func(a *attempt)) {
	t.Helper()
	for n := 1; ; n++ {
		began := time.Now()
		a := &attempt{T: t, number: n}
		do(a)
		if len(a.wrong) == 0 {
			return
		}
		still := machine.longest(began)
		story := fmt.Sprintf("attempt %d, in which the machine stood still for %v at most:\n%s", n, still, strings.Join(a.wrong, "\n"))
		if still == 0 || n == attempts {
			t.Error(story)

			return
		}
		t.Log(story)
	}
}

func TestOnlyABusyMachineExcuses(t *testing.T) {
	t.Parallel()
	busy := pulse{late: []lateBeat{{time.Now(), time.Second}, {time.Now().Add(time.Hour), time.Minute}}}
	for since, want := range map[time.Duration]time.Duration{-time.Minute: time.Minute, time.Minute: time.Minute, 2 * time.Hour: 0} {
		if got := busy.longest(time.Now().Add(since)); got != want {
			t.Errorf("since %v: %v, want %v", since, got, want)
		}
	}
	runs := 0
	calmly(t, func(a *attempt) {
		if runs++; runs < 2 {
			machine.mu.Lock()
			machine.late = append(machine.late, lateBeat{time.Now(), time.Millisecond})
			machine.mu.Unlock()
			a.Errorf("misheard")
		}
	})
	if runs != 2 {
		t.Errorf("%d runs", runs)
	}
}
