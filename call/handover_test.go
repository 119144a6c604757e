package call

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"trunkline/call/transfer"
	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/record"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/storage"
)

// handsOff is a model that puts the caller through at once, and says goodbye
// to one who comes back.
func handsOff() pipeline.Model {
	return &declared.Model{FirstToken: 100 * time.Millisecond, Reply: func(r pipeline.Request) (string, *pipeline.Act) {
		for _, m := range r.History {
			if m.Role == pipeline.Agent && m.Text == texts.NotReached {
				return "Goodbye then.", &pipeline.Act{Name: pipeline.ActHangUp}
			}
		}

		return "I will put you through.", &pipeline.Act{Name: pipeline.ActHandOff, Args: map[string]string{"target": "desk"}}
	}}
}

var frontDesk = Target{
	Config:   transfer.Config{How: transfer.Bridge, Ring: 20 * time.Second, Brief: true, Accept: '1', Decide: 10 * time.Second},
	To:       "+15550100555",
	Briefing: "A caller said: {said}.",
}

// persons is a rig whose agent puts callers through to a frontDesk, whose telephone
// the test plays.
type persons struct {
	*rig

	person *fakeDoor
	phone  *fakeLeg
	out    *fakeOutlet
}

// handsOver has a caller ask for a person.
func handsOver(t *testing.T, target Target, plan func(context.Context, Outgoing, func(Progress)) error, test func(p *persons)) {
	t.Helper()
	handsOverWith(t, options{}, target, plan, test)
}

// handsOverWith is handsOver with more to choose.
func handsOverWith(t *testing.T, o options, target Target, plan func(context.Context, Outgoing, func(Progress)) error, test func(p *persons)) {
	t.Helper()
	o.model = handsOff()
	inBubble(t, o, func(r *rig) {
		r.manager.cfg.Agents["reception"].Transfers = map[string]Target{"desk": target}
		p := &persons{rig: r, phone: &fakeLeg{}}
		p.person = newFakeDoor(p.phone)
		if o.doors != nil {
			o.doors(r.door, p.person)
		}
		p.out = r.outlet(plan)
		p.out.rig = &rig{T: r.T, journal: r.journal, door: p.person}
		r.talk()
		speakUp(r)
		r.agentTurns(2)
		test(p)
	})
}

// presses has the person press a key.
func (p *persons) presses(key byte) {
	p.phone.mu.Lock()
	defer p.phone.mu.Unlock()
	p.phone.keys = append(p.phone.keys, media.Digit{Key: key, Duration: 100 * time.Millisecond})
}

// happened are the kinds of the events of the transfer, in order.
func (p *persons) happened() (kinds []string) {
	for _, e := range p.journal.events() {
		if len(e.Kind) > 8 && e.Kind[:8] == "transfer" {
			kinds = append(kinds, e.Kind[9:])
		}
	}

	return kinds
}

func TestACallerIsPutThrough(t *testing.T) {
	handsOver(t, frontDesk, rings(3*time.Second), func(p *persons) {
		p.until("the briefing", func() bool { return !p.phone.audible().IsZero() })
		p.same("number", "+15550100555", string(p.out.dialed()[0].To))
		time.Sleep(500 * time.Millisecond)
		p.presses('1')
		p.until("the join", func() bool { return slices.Contains(p.happened(), "joined") })

		p.leg.say(yes())
		said := time.Now()
		p.until("the caller's voice at the frontDesk", func() bool { return p.phone.audible().After(said) })
		p.phone.say(yes())
		said = time.Now()
		p.until("the frontDesk's voice", func() bool { return p.leg.audible().After(said) })

		p.person.end(CallerHangup)
		c := p.end()
		p.ended(c, Transferred, storage.FaultAgent)
		p.same("events", []string{"began", "answered", "joined", "done"}, p.happened())
		p.same("the person's door", 0, len(p.person.did()))
	})
}

// Caller and person use one codec, where that can be had.
func TestJoinedLegsUseOneCodec(t *testing.T) {
	ulaw, alaw := g711.PCMU, g711.PCMA
	for name, tt := range map[string]struct {
		caller, person           *g711.Codec
		callersTrunk, deskTrunk  bool // lets its calls be asked
		offered                  *g711.Codec
		askedCaller, askedPerson []string
	}{
		"they do":                      {caller: &ulaw, person: &ulaw, callersTrunk: true, deskTrunk: true, offered: &ulaw},
		"the person's end is asked":    {caller: &ulaw, person: &alaw, callersTrunk: true, deskTrunk: true, offered: &ulaw, askedPerson: []string{"recode PCMU"}},
		"or the caller's":              {caller: &ulaw, person: &alaw, callersTrunk: true, offered: &ulaw, askedCaller: []string{"recode PCMA"}},
		"neither is to be asked":       {caller: &alaw, person: &ulaw, offered: &alaw},
		"a door that knows no codecs":  {person: &ulaw, callersTrunk: true, deskTrunk: true},
		"a person whose door does not": {caller: &alaw, callersTrunk: true, deskTrunk: true, offered: &alaw},
	} {
		t.Run(name, func(t *testing.T) {
			doors := func(caller, person *fakeDoor) {
				caller.codec, caller.recodes = tt.caller, tt.callersTrunk
				person.codec, person.recodes = tt.person, tt.deskTrunk
			}
			handsOverWith(t, options{doors: doors}, frontDesk, rings(time.Second), func(p *persons) {
				p.until("the briefing", func() bool { return !p.phone.audible().IsZero() })
				if got := p.out.dialed()[0].Codec; (got == nil) != (tt.offered == nil) || got != nil && *got != *tt.offered {
					t.Errorf("offered %v, want %v", got, tt.offered)
				}
				p.presses('1')
				p.until("the join", func() bool { return slices.Contains(p.happened(), "joined") })
				time.Sleep(time.Second)
				p.person.end(CallerHangup)
				p.end()
				asked := func(d *fakeDoor) (did []string) {
					for _, what := range d.did() {
						if strings.HasPrefix(what, "recode") {
							did = append(did, what)
						}
					}

					return did
				}
				p.same("asked of the caller's end", tt.askedCaller, asked(p.door))
				p.same("asked of the person's end", tt.askedPerson, asked(p.person))
			})
		})
	}
}

// What two say who were joined is recorded where the target says so, and never
// after an objection.
func TestJoinedTalkIsRecorded(t *testing.T) {
	for name, tt := range map[string]struct{ record, objected bool }{
		"recorded": {true, false}, "not recorded": {false, false}, "recorded, but for an objection": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			target := frontDesk
			target.Record = tt.record
			handsOverWith(t, options{recordings: t.TempDir()}, target, rings(time.Second), func(p *persons) {
				p.until("the briefing", func() bool { return !p.phone.audible().IsZero() })
				time.Sleep(500 * time.Millisecond)
				if tt.objected {
					id := rowsOf[storage.Call](p.journal)[0].ID
					p.manager.mu.Lock()
					c := p.manager.calls[id]
					p.manager.mu.Unlock()
					c.objects("don't record me")
				}
				p.presses('1')
				p.until("the join", func() bool { return slices.Contains(p.happened(), "joined") })
				joined := time.Since(p.journal.last().AnsweredAt)
				time.Sleep(5 * time.Second)
				p.person.end(CallerHangup)
				a, err := record.ReadWAV(p.end().Recording)
				if err != nil {
					p.Fatal(err)
				}
				length := media.Samples(len(a.Samples[0])).Duration()
				if want := tt.record && !tt.objected; (length > joined+4*time.Second) != want || (length < joined+time.Second) == want {
					p.Errorf("%v are recorded of a call that was joined after %v", length, joined)
				}
			})
		})
	}
}

func TestTheCallerHearsItRing(t *testing.T) {
	handsOver(t, frontDesk, rings(time.Hour), func(p *persons) {
		time.Sleep(3 * time.Second)
		began := time.Now()
		time.Sleep(6 * time.Second)
		if !p.leg.audible().After(began) {
			p.Error("the caller hears nothing while it rings")
		}
		p.door.end(CallerHangup)
		p.ended(p.end(), CallerHangup, storage.FaultCaller)
	})
}

func TestCallersComeBack(t *testing.T) {
	for name, tt := range map[string]struct {
		target func(*Target)
		plan   func(context.Context, Outgoing, func(Progress)) error
		person func(*persons)
		told   int // what the person's door was asked
	}{
		"busy":        {nil, refuses(&refusedError{Busy, 486, errors.New("busy")}), nil, 0},
		"no answer":   {nil, rings(time.Hour), nil, 0},
		"declined":    {nil, rings(time.Second), func(p *persons) { p.presses('2') }, 1},
		"no decision": {nil, rings(time.Second), func(*persons) {}, 1},
		"hung up":     {nil, rings(time.Second), func(p *persons) { p.person.end(CallerHangup) }, 0},
		"no REFER":    {func(t *Target) { t.How = transfer.Refer }, rings(time.Second), nil, 0},
		"no route":    {func(t *Target) { t.To = "+18765551234" }, rings(time.Second), nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			target := frontDesk
			if tt.target != nil {
				tt.target(&target)
			}
			handsOver(t, target, tt.plan, func(p *persons) {
				if tt.person != nil {
					p.until("an answer", func() bool { return slices.Contains(p.happened(), "answered") })
					time.Sleep(200 * time.Millisecond)
					tt.person(p)
				}
				p.agentTurns(3)
				p.same("what the caller is told", texts.NotReached, p.journal.said(storage.Agent)[2])
				p.leg.say(yes())
				p.agentTurns(4)
				p.ended(p.end(), AgentGoodbye, storage.FaultAgent)
				p.same("last event", "failed", p.happened()[len(p.happened())-1])
				p.same("the person's door", tt.told, len(p.person.did()))
			})
		})
	}
}

func TestWhoGivesUpLeavesNobodyBehind(t *testing.T) {
	for name, answered := range map[string]bool{"ringing": false, "answered": true} {
		t.Run(name, func(t *testing.T) {
			ring := time.Hour
			if answered {
				ring = time.Second
			}
			handsOver(t, frontDesk, rings(ring), func(p *persons) {
				time.Sleep(2 * time.Second)
				p.door.end(CallerHangup)
				p.ended(p.end(), CallerHangup, storage.FaultCaller)
				p.same("the person's call is over", answered, len(p.person.did()) > 0)
			})
		})
	}
}

func TestTheCapHoldsForPersonsToo(t *testing.T) {
	target := frontDesk
	target.Brief, target.Accept = false, 0
	handsOver(t, target, rings(time.Second), func(p *persons) {
		c := p.end()
		p.ended(c, CapReached, storage.FaultOperator)
		p.same("talked", 10*time.Minute, c.EndedAt.Sub(c.AnsweredAt).Round(time.Second))
		p.same("the person's door", []string{"hang up caller_cancelled"}, p.person.did())
		p.same("briefing by the door", "A caller said: "+p.journal.said(storage.Caller)[0]+".", p.out.dialed()[0].Briefing)
	})
}

// referring is a door whose carrier transfers calls, or refuses to.
type referring struct {
	*fakeDoor

	err      error
	hangs    bool // up, as soon as it has transferred the call
	vanishes bool // hangs up and never says what became of the transfer
}

func (d referring) Transfer(_ context.Context, r referral) error {
	d.note("refer to " + r.To)
	r.progress(180)
	time.Sleep(2 * time.Second)
	if d.hangs || d.vanishes {
		d.end(CallerHangup)
	}
	if d.vanishes {
		return errors.New("untold")
	}

	return d.err
}

func TestTheCarrierTransfers(t *testing.T) {
	refused := errors.New("603")
	for name, tt := range map[string]struct {
		how    transfer.How
		door   referring
		reason Reason
		fault  storage.Fault
		events []string
	}{
		"it does":                {transfer.Refer, referring{}, Transferred, storage.FaultAgent, []string{"began", "progress", "done"}},
		"it does, and hangs up":  {transfer.Refer, referring{hangs: true}, Transferred, storage.FaultAgent, []string{"began", "progress", "done"}},
		"it hangs up":            {transfer.Refer, referring{vanishes: true}, CallerHangup, storage.FaultCaller, []string{"began", "progress"}},
		"it refuses, and we can": {transfer.Either, referring{err: refused}, Transferred, storage.FaultAgent, []string{"began", "progress", "answered", "joined", "done"}},
		"it refuses":             {transfer.Refer, referring{err: refused}, AgentGoodbye, storage.FaultAgent, []string{"began", "progress", "failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, options{model: handsOff()}, func(r *rig) {
				target := frontDesk
				target.How, target.Brief, target.Accept = tt.how, false, 0
				r.manager.cfg.Agents["reception"].Transfers = map[string]Target{"desk": target}
				p := &persons{rig: r, phone: &fakeLeg{}}
				p.person = newFakeDoor(p.phone)
				p.out = r.outlet(rings(time.Second))
				p.out.rig = &rig{T: r.T, journal: r.journal, door: p.person}
				tt.door.fakeDoor = r.door
				r.over = r.offerAt(tt.door)
				r.until("an answer", func() bool { return r.leg.stats().PacketsOut > 0 })
				speakUp(r)
				switch {
				case slices.Contains(tt.events, "joined"):
					p.until("the join", func() bool { return slices.Contains(p.happened(), "joined") })
					p.person.end(CallerHangup)
				case slices.Contains(tt.events, "failed"):
					p.agentTurns(3)
					p.same("what the caller is told", texts.NotReached, p.journal.said(storage.Agent)[2])
					p.leg.say(yes())
				default: // the carrier ends it
				}
				r.ended(r.end(), tt.reason, tt.fault)
				r.same("events", tt.events, p.happened())
				r.same("asked for", true, slices.Contains(r.door.did(), "refer to +15550100555"))
			})
		})
	}
}

// Who did not want to be recorded is not recorded with a person either, and the
// briefing repeats nothing.
func TestAnObjectionOutlivesTheTransfer(t *testing.T) {
	for name, objects := range map[string]bool{"objects": true, "does not": false} {
		t.Run(name, func(t *testing.T) {
			o := theirs("a person please", "another question")
			if objects {
				o = theirs("do not record me", "a person please")
			}
			o.recordings, o.model = t.TempDir(), &declared.Model{FirstToken: 100 * time.Millisecond, Reply: func(r pipeline.Request) (string, *pipeline.Act) {
				if words := r.History[len(r.History)-1].Text; strings.Contains(words, "record") {
					return "Of course.", nil
				}

				return "I will put you through.", &pipeline.Act{Name: pipeline.ActHandOff, Args: map[string]string{"target": "desk"}}
			}}
			target := frontDesk
			target.Record, target.Brief = true, false
			inBubble(t, o, func(r *rig) {
				r.owes(notice())
				r.manager.cfg.Agents["reception"].Transfers = map[string]Target{"desk": target}
				p := &persons{rig: r, phone: &fakeLeg{}}
				p.person = newFakeDoor(p.phone)
				p.out = r.outlet(rings(3 * time.Second))
				p.out.rig = &rig{T: r.T, journal: r.journal, door: p.person}
				r.talk()
				r.agentTurns(1)
				speakUp(r)
				if objects {
					r.until("the objection", func() bool { return strings.Contains(r.log.String(), "does not want to be recorded") })
					time.Sleep(5 * time.Second)
					speakUp(r)
				}
				r.until("the person's phone", func() bool { return len(p.out.dialed()) == 1 })
				want := "A caller said: a person please."
				if objects {
					want = "A caller said: ."
				}
				r.same("the briefing", want, p.out.dialed()[0].Briefing)
				time.Sleep(4 * time.Second)
				p.presses('1')
				p.until("the join", func() bool { return slices.Contains(p.happened(), "joined") })
				joined := time.Since(r.journal.last().AnsweredAt)
				p.phone.say(yes())
				time.Sleep(3 * time.Second)
				p.person.end(CallerHangup)
				got := r.end()
				a, err := record.ReadWAV(got.Recording)
				if err != nil {
					r.Fatal(err)
				}
				length := media.Samples(len(a.Samples[1])).Duration()
				r.same("the person is recorded", !objects, length > joined)
			})
		})
	}
}

// holdingDoor is a door whose far end can be put on hold.
type holdingDoor struct{ *fakeDoor }

func (d holdingDoor) Hold(_ context.Context, on bool) error {
	time.Sleep(50 * time.Millisecond) // the far end answers
	d.note(fmt.Sprintf("hold %v", on))

	return nil
}

func TestTheCallerIsOnHoldMeanwhile(t *testing.T) {
	for name, reached := range map[string]bool{"the person comes": true, "nobody comes": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, options{model: handsOff()}, func(r *rig) {
				target := frontDesk
				target.Brief, target.Accept, target.Hold = false, 0, true
				r.manager.cfg.Agents["reception"].Transfers = map[string]Target{"desk": target}
				plan := rings(time.Second)
				if !reached {
					plan = rings(time.Hour)
				}
				p := &persons{rig: r, phone: &fakeLeg{}}
				p.person = newFakeDoor(p.phone)
				p.out = r.outlet(plan)
				p.out.rig = &rig{T: r.T, journal: r.journal, door: p.person}
				r.over = r.offerAt(holdingDoor{r.door})
				r.until("an answer", func() bool { return r.leg.stats().PacketsOut > 0 })
				speakUp(r)
				want := "failed"
				if reached {
					want = "joined"
				}
				r.until("the outcome", func() bool { return slices.Contains(p.happened(), want) })
				time.Sleep(time.Second)
				r.door.end(CallerHangup)
				r.ended(r.end(), CallerHangup, storage.FaultCaller)
				holds := slices.DeleteFunc(r.door.did(), func(s string) bool { return !strings.HasPrefix(s, "hold") })
				r.same("holds", []string{"hold true", "hold false"}, holds)
			})
		})
	}
}
