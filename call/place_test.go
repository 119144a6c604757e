package call

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"trunkline/media"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/storage"
)

// fakeGate allows what the test lets it. It notes its decisions in the
// journal, so that their order with the call's record can be told.
type fakeGate struct {
	journal *fakeJournal
	mu      sync.Mutex
	deny    []string
	err     error
	hang    bool
	takes   time.Duration
	valid   time.Duration // of an admission; 0: 10 s
	asked   []Attempt
	stops   error  // of leaving: then the next decision denies
	revoked func() // tells the call that rings; nil: none does
}

func (g *fakeGate) Admit(ctx context.Context, a Attempt) (Admission, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, a)
	time.Sleep(g.takes)
	if g.hang {
		<-ctx.Done()

		return Admission{}, ctx.Err()
	}
	if g.err != nil {
		return Admission{}, g.err
	}
	g.journal.add("decision", a)
	if len(g.deny) > 0 {
		return Admission{Decision: uuid.New(), Reasons: g.deny}, nil
	}
	valid := g.valid
	if valid == 0 {
		valid = 10 * time.Second
	}

	return Admission{Decision: uuid.New(), Attempt: uuid.New(), Allowed: true, Expires: time.Now().Add(valid)}, nil
}

// Leave implements Gate.
func (g *fakeGate) Leave(_ context.Context, a Attempt, by Admission) (func(), error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.journal.add("leaving", by)
	if g.stops != nil {
		g.deny = []string{"suppressed"}

		return nil, g.stops
	}

	return func() { g.journal.add("left", a) }, nil
}

// Watch implements Gate.
func (g *fakeGate) Watch(_ Attempt, revoked func()) (forget func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.revoked = revoked

	return func() { g.change(func(g *fakeGate) { g.revoked = nil }) }
}

func (g *fakeGate) change(f func(g *fakeGate)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(g)
}

// fakeOutlet is a carrier that the test plays: it sends what plan says.
type fakeOutlet struct {
	*rig

	plan  func(ctx context.Context, o Outgoing, progress func(Progress)) error // nil error: answered
	mu    sync.Mutex
	calls []Outgoing
}

func (f *fakeOutlet) Dial(ctx context.Context, o Outgoing, progress func(Progress)) (placed, error) {
	f.mu.Lock()
	f.calls = append(f.calls, o)
	f.mu.Unlock()
	f.journal.add("dialed", o)
	if err := f.plan(ctx, o, progress); err != nil {
		return nil, err
	}

	return fakePlaced{f.door}, nil
}

func (f *fakeOutlet) dialed() []Outgoing {
	f.mu.Lock()
	defer f.mu.Unlock()

	return slices.Clone(f.calls)
}

type fakePlaced struct{ *fakeDoor }

func (p fakePlaced) Leg() media.Leg { return p.leg }

// rings answers after a time of ringing.
func rings(d time.Duration) func(context.Context, Outgoing, func(Progress)) error {
	return func(ctx context.Context, _ Outgoing, progress func(Progress)) error {
		progress(Progress{Kind: Sent, CallID: "out@us"})
		progress(Progress{Kind: Ringing, Status: 180})
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// refuses rings and then ends with an error.
func refuses(err error) func(context.Context, Outgoing, func(Progress)) error {
	return func(ctx context.Context, o Outgoing, progress func(Progress)) error {
		if cut := rings(2*time.Second)(ctx, o, progress); cut != nil {
			return cut
		}

		return err
	}
}

func (r *rig) outlet(plan func(context.Context, Outgoing, func(Progress)) error) *fakeOutlet {
	f := &fakeOutlet{rig: r, plan: plan}
	r.manager.setOutlet(storage.DoorSIP, f)

	return f
}

var order = Order{
	To: "+15550100777", From: "+15550100999", Agent: "reception",
	Purpose: "service", Campaign: "spring",
}

// place places the order and waits until the call is over or, when answer is
// so, answered.
func (r *rig) place() uuid.UUID {
	r.Helper()
	id, err := r.manager.Place(r.Context(), order)
	if err != nil {
		r.Fatal(err)
	}

	return id
}

// over waits for the end of the call that was placed.
func (r *rig) placedEnds() storage.Call {
	r.Helper()
	r.until("the end of the call", func() bool { return r.manager.Active() == 0 })
	r.same("state of the record", storage.Ended, r.journal.last().State)

	return r.journal.last()
}

func TestPlacedCallIsTalkedOn(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		out := r.outlet(rings(3 * time.Second))
		id := r.place()
		r.until("an answer", func() bool { return r.leg.stats().PacketsOut > 0 })
		r.agentTurns(1)
		r.door.end(CallerHangup)
		c := r.placedEnds()
		r.ended(c, CalleeHangup, storage.FaultCallee)
		r.same("call", id, c.ID)
		r.same("door's name of it", "out@us", c.DoorCallID)
		r.same("ring", 3*time.Second, c.AnsweredAt.Sub(c.StartedAt).Truncate(time.Second))
		r.same("direction, purpose, campaign", []string{"outbound", "service", "spring"}, []string{string(c.Direction), c.Purpose, c.Campaign})
		o := out.dialed()[0]
		r.same("attempt", c.AttemptID, o.Attempt)
		r.same("numbers", []string{"+15550100777", "+15550100999"}, []string{string(o.To), string(o.From)})
		r.same("order of the records", []string{"decision", "begin", "dialed"}, r.journal.order()[:3])
	})
}

// opens counts the streams of a recogniser, which are opened to make an agent
// ready.
type opens struct {
	pipeline.Recognizer

	n atomic.Int32
}

func (o *opens) Open(ctx context.Context) (pipeline.Recognition, error) {
	o.n.Add(1)

	return o.Recognizer.Open(ctx)
}

// The INVITE waits for nothing that the agent needs.
func TestTheAgentIsMadeReadyWhileItRings(t *testing.T) {
	recogniser := &opens{Recognizer: &declared.Recognizer{}}
	inBubble(t, options{recogniser: recogniser}, func(r *rig) {
		var before, ringing int32
		r.outlet(func(ctx context.Context, o Outgoing, progress func(Progress)) error {
			time.Sleep(time.Second) // until the INVITE has left
			before = recogniser.n.Load()
			err := rings(time.Second)(ctx, o, progress)
			ringing = recogniser.n.Load()

			return err
		})
		r.place()
		r.agentTurns(1)
		r.door.end(CallerHangup)
		r.placedEnds()
		r.same("streams before the INVITE and at the answer", []int32{0, 1}, []int32{before, ringing})
	})
}

// A door that tells nothing before the answer has its agent made ready then.
func TestTheAgentIsMadeReadyAtAnAnswerWithoutRinging(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.outlet(func(context.Context, Outgoing, func(Progress)) error { return nil })
		r.place()
		r.agentTurns(1)
		r.door.end(CallerHangup)
		r.ended(r.placedEnds(), CalleeHangup, storage.FaultCallee)
	})
}

func TestNothingIsDialedWithoutADecision(t *testing.T) {
	for name, tt := range map[string]struct {
		gate func(*fakeGate)
		want error
	}{
		"denied":  {func(g *fakeGate) { g.deny = []string{"dnc.internal", "window.state"} }, &NotAllowedError{}},
		"failed":  {func(g *fakeGate) { g.err = errors.New("no database") }, ErrUndecided},
		"hanging": {func(g *fakeGate) { g.hang = true }, ErrUndecided},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, options{}, func(r *rig) {
				out := r.outlet(rings(0))
				r.gate.change(tt.gate)
				_, err := r.manager.Place(r.Context(), order)
				var denied *NotAllowedError
				if errors.As(err, &denied) {
					r.same("reasons", r.gate.deny, denied.Reasons)
				} else if !errors.Is(err, tt.want) {
					r.Errorf("got %v, want %v", err, tt.want)
				}
				r.same("dialed", 0, len(out.dialed()))
				r.same("calls that run", 0, r.manager.Active())
				r.same("records of calls", 0, len(rowsOf[storage.Call](r.journal)))
			})
		})
	}
}

func TestOneIDIsOneCall(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		out := r.outlet(rings(time.Hour))
		o := order
		o.ID = uuid.New()
		r.gate.change(func(g *fakeGate) { g.takes = time.Second })
		first := make(chan error, 1)
		go func() {
			_, err := r.manager.Place(r.Context(), o)
			first <- err
		}()
		time.Sleep(500 * time.Millisecond)
		if _, err := r.manager.Place(r.Context(), o); !errors.Is(err, ErrUndecided) {
			r.Errorf("while the first is decided about: %v", err)
		}
		if err := <-first; err != nil {
			r.Error(err)
		}
		if id, err := r.manager.Place(r.Context(), o); id != o.ID || err != nil {
			r.Errorf("once it is dialed: %s, %v", id, err)
		}
		time.Sleep(time.Second)
		r.same("dialed", 1, len(out.dialed()))
		r.same("decisions", 1, len(r.gate.asked))
		if err := r.manager.Hangup(o.ID, false); err != nil {
			r.Error(err)
		}
		r.placedEnds()
	})
}

func TestNoGateNoCall(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.manager.cfg.Gate = nil
		out := r.outlet(rings(0))
		if _, err := r.manager.Place(r.Context(), order); !errors.Is(err, ErrNoGate) {
			r.Errorf("got %v", err)
		}
		r.same("dialed", 0, len(out.dialed()))
	})
}

func TestOrdersAreChecked(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.outlet(rings(0))
		for field, change := range map[string]func(*Order){
			"to":         func(o *Order) { o.To = "+18765551234" },
			"from":       func(o *Order) { o.From = "+15550100111" },
			"purpose":    func(o *Order) { o.Purpose = "" },
			"ring":       func(o *Order) { o.Ring = 14 * time.Second },
			"cap":        func(o *Order) { o.Cap = time.Hour },
			"agent":      func(o *Order) { o.Agent = "nobody" },
			"on_machine": func(o *Order) { o.OnMachine = "pray" },
			"route":      func(o *Order) { o.To = "+12126640000" },
		} {
			o := order
			change(&o)
			var bad *OrderError
			if _, err := r.manager.Place(r.Context(), o); !errors.As(err, &bad) || bad.Field != field {
				r.Errorf("%s: got %v", field, err)
			}
		}
	})
}

func TestUnansweredCallsHaveAReason(t *testing.T) {
	for name, tt := range map[string]struct {
		plan   func(context.Context, Outgoing, func(Progress)) error
		reason Reason
		fault  storage.Fault
		after  time.Duration
	}{
		"nobody answers": {rings(time.Hour), NoAnswer, storage.FaultCallee, 30 * time.Second},
		"busy":           {refuses(&refusedError{Busy, 486, errors.New("busy")}), Busy, storage.FaultCallee, 2 * time.Second},
		"the door fails": {refuses(errors.New("?")), SignallingFailed, storage.FaultCarrier, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, options{}, func(r *rig) {
				r.outlet(tt.plan)
				r.place()
				c := r.placedEnds()
				r.ended(c, tt.reason, tt.fault)
				r.same("answered", true, c.AnsweredAt.IsZero())
				r.same("after", tt.after, c.EndedAt.Sub(c.StartedAt))
			})
		})
	}
}

func TestAnExpiredAdmissionIsAskedForAgain(t *testing.T) {
	for _, deny := range []bool{false, true} {
		t.Run(map[bool]string{false: "allowed", true: "denied"}[deny], func(t *testing.T) {
			inBubble(t, options{}, func(r *rig) {
				waited := false
				out := r.outlet(func(ctx context.Context, o Outgoing, progress func(Progress)) error {
					if !waited {
						waited = true
						time.Sleep(time.Until(o.Expires))
						if deny {
							r.gate.change(func(g *fakeGate) { g.deny = []string{"window"} })
						}

						return ErrStale
					}

					return rings(time.Second)(ctx, o, progress)
				})
				r.place()
				if deny {
					r.ended(r.placedEnds(), NotAllowed, storage.FaultOperator)
					r.same("dialed", 1, len(out.dialed()))

					return
				}
				r.until("an answer", func() bool { return r.leg.stats().PacketsOut > 0 })
				r.door.end(CallerHangup)
				c := r.placedEnds()
				r.same("asked", 2, len(r.gate.asked))
				r.same("again", out.dialed()[0].Attempt, r.gate.asked[1].Again)
				r.same("attempt of the record", out.dialed()[1].Attempt, c.AttemptID)
			})
		})
	}
}

// A person may take back what a call was admitted by while it waits to leave:
// the Gate is asked again, and nothing leaves before it has said yes.
func TestACallThatMayNotLeaveIsDecidedAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		stops error
		asked int
	}{
		"the person asked not to be called": {ErrStale, 2},
		"it cannot be told":                 {errors.New("the database is away"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, options{}, func(r *rig) {
				out := r.outlet(func(ctx context.Context, o Outgoing, progress func(Progress)) error {
					left, err := o.Leave(ctx)
					if err != nil {
						return fmt.Errorf("the door: %w", err)
					}
					left()
					r.journal.add("on the wire", o)

					return rings(time.Second)(ctx, o, progress)
				})
				r.gate.change(func(g *fakeGate) { g.stops = tt.stops })
				r.place()
				r.ended(r.placedEnds(), NotAllowed, storage.FaultOperator)
				r.same("decisions", tt.asked, len(r.gate.asked))
				r.same("dialed", 1, len(out.dialed()))
				r.same("on the wire", false, slices.Contains(r.journal.order(), "on the wire"))
			})
		})
	}
}

func TestARevocationTakesBackACallThatRings(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.outlet(rings(time.Hour))
		r.place()
		time.Sleep(5 * time.Second)
		r.gate.change(func(g *fakeGate) {
			go g.revoked()
			go g.revoked() // another revocation, or the same by the database
		})
		c := r.placedEnds()
		r.ended(c, Revoked, storage.FaultCallee)
		r.same("rang", 5*time.Second, c.EndedAt.Sub(c.StartedAt).Truncate(time.Second))
		r.gate.change(func(g *fakeGate) { r.same("still watched", true, g.revoked == nil) })
	})
}

func TestARevocationDoesNotEndACallThatIsTalkedOn(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.outlet(rings(time.Second))
		r.place()
		r.until("an answer", func() bool { return r.leg.stats().PacketsOut > 0 })
		r.gate.change(func(g *fakeGate) { r.same("still watched", true, g.revoked == nil) })
		r.door.end(CallerHangup)
		r.placedEnds()
	})
}

func TestAnswerAfterTheRingTimeoutIsHungUp(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.outlet(func(ctx context.Context, _ Outgoing, progress func(Progress)) error {
			progress(Progress{Kind: Sent})
			<-ctx.Done() // the answer crosses the CANCEL

			return nil
		})
		r.place()
		r.ended(r.placedEnds(), NoAnswer, storage.FaultCallee)
		r.same("door", []string{"hang up caller_cancelled"}, r.door.did())
	})
}

func TestOperatorHangsUp(t *testing.T) {
	for name, tt := range map[string]struct {
		goodbye  bool
		answered bool
	}{"ringing": {}, "talking": {answered: true}, "talking, with goodbye": {answered: true, goodbye: true}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, options{}, func(r *rig) {
				ring := time.Hour
				if tt.answered {
					ring = time.Second
				}
				r.outlet(rings(ring))
				id := r.place()
				time.Sleep(10 * time.Second)
				asked := time.Now()
				if err := r.manager.Hangup(id, tt.goodbye); err != nil {
					r.Fatal(err)
				}
				c := r.placedEnds()
				r.ended(c, OperatorHangup, storage.FaultOperator)
				if took := c.EndedAt.Sub(asked); (took > time.Second) != tt.goodbye {
					r.Errorf("it took %s", took)
				}
				if err := r.manager.Hangup(id, false); !errors.Is(err, ErrNotRunning) {
					r.Errorf("a call that is over: %v", err)
				}
			})
		})
	}
}

func TestAnAgentThatIsNotReadyCostsNoAnswer(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.outlet(rings(time.Second))
		agent := *r.manager.cfg.Agents["reception"]
		agent.Providers.Recognizer = slowToOpen{agent.Providers.Recognizer, time.Minute}
		r.manager.cfg.Agents["reception"] = &agent
		r.place()
		c := r.placedEnds()
		r.ended(c, NotPrepared, storage.FaultTrunkline)
		r.same("door", []string{"hang up not_prepared"}, r.door.did())
	})
}

// An order whose call was admitted by a process that ended is not dialed again.
func TestAnOrderIsNotDialedTwice(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		f := r.outlet(rings(time.Hour))
		known, lookup := map[uuid.UUID]bool{}, error(nil)
		r.manager.cfg.Attempted = func(_ context.Context, call uuid.UUID) (bool, error) { return known[call], lookup }
		again := order
		again.ID = uuid.New()
		known[again.ID] = true
		if _, err := r.manager.Place(r.Context(), again); !errors.Is(err, ErrAttempted) {
			r.Errorf("an order of before: %v", err)
		}
		again.ID, lookup = uuid.New(), errors.New("the database is away")
		if _, err := r.manager.Place(r.Context(), again); !errors.Is(err, ErrUndecided) {
			r.Errorf("an order that may be of before: %v", err)
		}
		if len(r.gate.asked) != 0 || len(f.calls) != 0 || r.manager.Active() != 0 {
			r.Errorf("the gate was asked %d times, %d calls were dialed", len(r.gate.asked), len(f.calls))
		}
		lookup = nil
		for range 2 { // the second one finds the first one's call
			if id, err := r.manager.Place(r.Context(), again); err != nil || id != again.ID {
				r.Errorf("a new one: %v, %v", id, err)
			}
		}
		r.until("a dial", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return len(f.calls) == 1 })
		if err := r.manager.Hangup(again.ID, false); err != nil {
			r.Error(err)
		}
		r.placedEnds()
	})
}
