package call

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/sip"
	"trunkline/storage"
)

// referringFar is a door whose far end has somebody called in its place.
type referringFar struct {
	*fakeDoor

	wishes chan *sip.Referral
	taken  chan sip.Info

	mu   sync.Mutex
	told []int
}

func newReferringFar(d *fakeDoor) *referringFar {
	return &referringFar{fakeDoor: d, wishes: make(chan *sip.Referral, 1), taken: make(chan sip.Info, 1)}
}

func (d *referringFar) Referrals() <-chan *sip.Referral { return d.wishes }
func (d *referringFar) Replaced() <-chan sip.Info       { return d.taken }

// asks has the far end ask for somebody.
func (d *referringFar) asks(r sip.Referral) {
	r.Trunk = "carrier"
	r.Report = func(status int, _ string) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.told = append(d.told, status)
	}
	d.wishes <- &r
}

func (d *referringFar) reports() []int {
	d.mu.Lock()
	defer d.mu.Unlock()

	return slices.Clone(d.told)
}

// succeeding is a rig whose caller has somebody called in its place, whose
// telephone the test plays.
type succeeding struct {
	*persons

	far *referringFar
}

func asksForASuccessor(t *testing.T, asks sip.Referral, plan func(context.Context, Outgoing, func(Progress)) error, test func(s *succeeding)) {
	t.Helper()
	inBubble(t, options{recordings: t.TempDir()}, func(r *rig) {
		p := &persons{rig: r, phone: &fakeLeg{}}
		p.person = newFakeDoor(p.phone)
		p.out = r.outlet(plan)
		p.out.rig = &rig{T: r.T, journal: r.journal, door: p.person}
		s := &succeeding{persons: p, far: newReferringFar(r.door)}
		r.over = r.offerAt(s.far)
		r.agentTurns(1)
		s.far.asks(asks)
		test(s)
	})
}

// successors are the kinds of the recorded events of a succession, in order.
func (s *succeeding) successors() (kinds []string) {
	for _, e := range s.journal.events() {
		if kind, ok := strings.CutPrefix(e.Kind, "successor_"); ok {
			kinds = append(kinds, kind)
		}
	}

	return kinds
}

// greeted waits until somebody hears the agent, and the agent them.
func (s *succeeding) greeted(by *fakeLeg) {
	since := time.Now()
	s.until("the greeting", func() bool { return by.audible().After(since) })
	s.agentTurns(2)
	by.say(yes())
	s.agentTurns(3)
}

func TestSomebodyTakesTheCallersPlace(t *testing.T) {
	for name, tt := range map[string]struct {
		asks     sip.Referral
		leaves   bool // the caller does not wait for it
		called   Outgoing
		recorded bool
	}{
		"an extension": {sip.Referral{User: "2001", Target: "sip:2001@192.0.2.1"}, false, Outgoing{To: "2001"}, false},
		"its own place": {
			sip.Referral{User: "2001", Target: "sip:2001@10.0.0.9", Own: true}, false, Outgoing{To: "2001", Target: "sip:2001@10.0.0.9"}, false,
		},
		"a call that is up": {
			sip.Referral{User: "2001", Target: "sip:2001@10.0.0.9", Own: true, Replaces: "a;to-tag=b;from-tag=c", ReferredBy: "<sip:x@y>"},
			false,
			Outgoing{To: "2001", Target: "sip:2001@10.0.0.9", Replaces: "a;to-tag=b;from-tag=c", ReferredBy: "<sip:x@y>"},
			false,
		},
		"a number":            {sip.Referral{User: "+15550100555"}, false, Outgoing{To: "+15550100555"}, false},
		"recorded":            {sip.Referral{User: "3000"}, false, Outgoing{To: "3000"}, true},
		"the caller hangs up": {sip.Referral{User: "2001"}, true, Outgoing{To: "2001"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			asksForASuccessor(t, tt.asks, rings(3*time.Second), func(s *succeeding) {
				time.Sleep(time.Second)
				if tt.leaves {
					s.far.end(CallerHangup)
				}
				s.greeted(s.phone)
				got := s.out.dialed()[0]
				s.same("called", tt.called, Outgoing{To: got.To, Target: got.Target, Replaces: got.Replaces, ReferredBy: got.ReferredBy})
				s.same("shown", "+15550100999", string(got.From))
				const ends = "hang up transferred"
				s.same("told", []int{180, 200}, s.far.reports())
				s.until("the end of the caller's call", func() bool { return s.leg.isClosed() })
				s.same("hung up on the caller", !tt.leaves, slices.Contains(s.far.did(), ends))
				s.same("the recording stopped", !tt.recorded, slices.ContainsFunc(s.journal.events(), func(e storage.Event) bool {
					return e.Kind == string(recordingChanged)
				}))
				s.person.end(CallerHangup)
				c := s.end()
				s.ended(c, CallerHangup, storage.FaultCaller)
				s.same("packets of both", s.leg.stats().PacketsIn+s.phone.stats().PacketsIn, c.Media.PacketsIn)
				s.same("the last event", "came", s.successors()[len(s.successors())-1])
			})
		})
	}
}

func TestNobodyTakesTheCallersPlace(t *testing.T) {
	for name, tt := range map[string]struct {
		asks    sip.Referral
		plan    func(context.Context, Outgoing, func(Progress)) error
		reports []int
		tried   bool
	}{
		"busy":        {sip.Referral{User: "2001"}, refuses(&refusedError{Busy, 486, errors.New("busy")}), []int{180, 486}, true},
		"no answer":   {sip.Referral{User: "2001"}, rings(time.Hour), []int{180, 480}, true},
		"gone":        {sip.Referral{User: "2001", Replaces: "x"}, refuses(&refusedError{Unreachable, 481, errors.New("gone")}), []int{180, 481}, true},
		"not allowed": {sip.Referral{User: "4001"}, rings(time.Second), []int{603}, false},
	} {
		t.Run(name, func(t *testing.T) {
			asksForASuccessor(t, tt.asks, tt.plan, func(s *succeeding) {
				s.until("the last report", func() bool { return len(s.far.reports()) == len(tt.reports) })
				s.same("told", tt.reports, s.far.reports())
				if tt.tried {
					s.agentTurns(2)
					s.same("what the caller is told", texts.NotReached, s.journal.said(storage.Agent)[1])
					s.same("the last event", "failed", s.successors()[len(s.successors())-1])
				}
				s.leg.say(yes()) // and the agent goes on with them
				s.until("an answer", func() bool { return len(s.journal.said(storage.Caller)) == 1 })
				s.far.end(CallerHangup)
				s.ended(s.end(), CallerHangup, storage.FaultCaller)
				s.same("the other's door", 0, len(s.person.did()))
			})
		})
	}
}

// Who asked has hung up, and nobody comes.
func TestNobodyIsLeft(t *testing.T) {
	asksForASuccessor(t, sip.Referral{User: "2001"}, rings(time.Hour), func(s *succeeding) {
		time.Sleep(time.Second)
		s.far.end(CallerHangup)
		c := s.end()
		s.ended(c, CallerHangup, storage.FaultCaller)
		s.same("events", []string{"asked", "progress", "progress", "failed"}, s.successors())
		s.same("told", []int{180, 480}, s.far.reports())
	})
}

// A call that ends leaves nobody ringing.
func TestACallThatEndsCallsNobody(t *testing.T) {
	asksForASuccessor(t, sip.Referral{User: "2001"}, rings(time.Hour), func(s *succeeding) {
		time.Sleep(time.Second)
		if err := s.manager.Hangup(s.journal.last().ID, false); err != nil {
			s.Fatal(err)
		}
		s.ended(s.end(), OperatorHangup, storage.FaultOperator)
	})
}

// Keys are pressed from other goroutines while the far end changes.
func TestKeysGoToWhoeverIsThere(t *testing.T) {
	asksForASuccessor(t, sip.Referral{User: "2001"}, rings(time.Second), func(s *succeeding) {
		id := s.journal.last().ID
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
					_, _ = s.manager.SendDigits(context.Background(), id, "5") // a busy line refuses some
				}
			}
		}()
		s.until("the change", func() bool { return slices.Contains(s.successors(), "came") })
		time.Sleep(time.Second)
		close(stop)
		<-done
		if s.phone.audible().IsZero() {
			s.Error("the one who came hears no key")
		}
		s.person.end(CallerHangup)
		s.end()
	})
}

// The carrier puts somebody else in the caller's place by itself.
func TestTheCarrierChangesTheCaller(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		far := newReferringFar(r.door)
		r.over = r.offerAt(far)
		r.agentTurns(1)
		far.taken <- sip.Info{From: sip.Party{User: "+15550100777"}}
		r.agentTurns(2)
		r.same("what they are told", texts.Greeting, r.journal.said(storage.Agent)[1])
		far.end(CallerHangup)
		r.ended(r.end(), CallerHangup, storage.FaultCaller)
		h := storage.History{Call: r.journal.last(), Events: r.journal.events()}
		if story := strings.Join(Story(&h), "\n"); !strings.Contains(story, "took the caller's place") || strings.Contains(story, "5550100777") {
			r.Errorf("the story:\n%s", story)
		}
	})
}
