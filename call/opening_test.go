package call

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/media/speech"
	"trunkline/pipeline/declared"
	"trunkline/storage"
)

// greeting is recorded speech of about a length: sentences one after another,
// without long pauses.
func greeting(t *testing.T, length time.Duration) []int16 {
	t.Helper()
	all, err := speech.Recordings()
	if err != nil {
		t.Fatal(err)
	}
	var out []int16
	for _, name := range []string{"i-would-like-to-book-an-appointment", "on-wednesday-at-three-in-the-afternoon", "where-are-you-located"} {
		out = append(out, trimmed(all[name])...)
	}
	for media.Samples(len(out)).Duration() < length {
		out = append(out, out...)
	}

	return out[:media.SamplesIn(length)]
}

// trimmed is a recording without the silence around it.
func trimmed(x []int16) []int16 {
	loud := func(v int16) bool { return v > 300 || v < -300 }
	first := slices.IndexFunc(x, loud)
	last := len(x)
	for last > 0 && !loud(x[last-1]) {
		last--
	}

	return x[max(first, 0):last]
}

// beep is an answering machine's.
func beep() []int16 {
	out := make([]int16, media.SamplesIn(600*time.Millisecond))
	for i := range out {
		out[i] = int16(6000 * math.Sin(2*math.Pi*1000*float64(i)/media.SampleRate))
	}

	return out
}

func pause(d time.Duration) []int16 { return make([]int16, media.SamplesIn(d)) }

// answers places a call whose callee answers with the given sound, and waits
// until it is over or, after a minute, hangs up.
func (r *rig) answers(o Order, sound []int16) storage.Call {
	r.Helper()
	r.outlet(rings(time.Second))
	r.leg.say(sound)
	if _, err := r.manager.Place(r.Context(), o); err != nil {
		r.Fatal(err)
	}
	for range time.Minute / time.Second {
		if r.manager.Active() == 0 {
			return r.placedEnds()
		}
		time.Sleep(time.Second)
	}
	r.door.end(CallerHangup)

	return r.placedEnds()
}

func TestTheOpening(t *testing.T) {
	for name, tt := range map[string]struct {
		sound  func(t *testing.T) []int16
		by     string
		least  time.Duration // from the answer to the agent's first packet
		most   time.Duration
		greets bool
	}{
		"nobody speaks": {
			func(*testing.T) []int16 { return nil }, "unknown", 1200 * time.Millisecond, 1300 * time.Millisecond, false,
		},
		"hello": {
			func(t *testing.T) []int16 {
				return append(pause(400*time.Millisecond), greeting(t, 900*time.Millisecond)...)
			},
			"human", 1900 * time.Millisecond, 2200 * time.Millisecond, true,
		},
		"a business": {
			func(t *testing.T) []int16 { return greeting(t, 3*time.Second) }, "unknown", 3600 * time.Millisecond, 3900 * time.Millisecond, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			sound := tt.sound(t)
			inBubble(t, options{}, func(r *rig) {
				c := r.answers(order, sound)
				r.same("answered by", tt.by, c.AnsweredBy)
				took := c.OpenedAt.Sub(c.AnsweredAt)
				if took < tt.least || took > tt.most {
					r.Errorf("the agent was first heard %s after the answer, want %s to %s", took, tt.least, tt.most)
				}
				r.same("a greeting", tt.greets, !c.GreetedAt.IsZero())
				if late := c.OpenedAt.Sub(c.GreetedAt); tt.greets && late > 2*time.Second {
					r.Errorf("the opening began %s after the greeting: the call was abandoned", late)
				}
				r.same("what the agent said first", texts.Greeting, r.journal.said(storage.Agent)[0])
			})
		})
	}
}

func TestMachines(t *testing.T) {
	machine := func(t *testing.T) []int16 {
		t.Helper()

		return slices.Concat(greeting(t, 6*time.Second), pause(500*time.Millisecond), beep())
	}
	for name, tt := range map[string]struct {
		policy OnMachine
		reason Reason
		fault  storage.Fault
		said   []string
	}{
		"hang up":        {HangUp, MachineAnswered, storage.FaultCallee, nil},
		"leave message":  {LeaveMessage, MessageLeft, storage.FaultAgent, []string{texts.Message}},
		"treat as human": {TreatAsHuman, CalleeSilent, storage.FaultCallee, nil},
	} {
		t.Run(name, func(t *testing.T) {
			sound := machine(t)
			inBubble(t, options{}, func(r *rig) {
				o := order
				o.OnMachine = tt.policy
				c := r.answers(o, sound)
				r.ended(c, tt.reason, tt.fault)
				r.same("answered by", "machine", c.AnsweredBy)
				switch tt.policy {
				case LeaveMessage:
					r.same("said", tt.said, r.journal.said(storage.Agent))
					if at := c.OpenedAt.Sub(c.AnsweredAt); at < 7*time.Second {
						r.Errorf("the message began %s after the answer, before the beep was over", at)
					}
				case TreatAsHuman:
					r.same("said first", texts.Greeting, r.journal.said(storage.Agent)[0])
				default:
					r.same("said", 0, len(r.journal.said(storage.Agent)))
				}
			})
		})
	}
}

// A message is left to its end, whatever the machine still says or beeps.
func TestAMessageIsLeftInFull(t *testing.T) {
	sound := slices.Concat(greeting(t, 6*time.Second), pause(500*time.Millisecond), beep(), pause(1500*time.Millisecond), greeting(t, 3*time.Second), beep())
	inBubble(t, options{recogniser: theirs("please leave a message", "wait stop to re-record press one", "stop").recogniser}, func(r *rig) {
		o := order
		o.OnMachine = LeaveMessage
		c := r.answers(o, sound)
		r.ended(c, MessageLeft, storage.FaultAgent)
		r.same("said", []string{texts.Message}, r.journal.said(storage.Agent))
		for _, turn := range r.journal.turns() {
			if turn.Role == storage.Agent && (turn.Interrupted || turn.HeardText != turn.Text) {
				r.Errorf("the message was cut off: %+v", turn)
			}
		}
	})
}

func TestAMachineIsKnownByItsWords(t *testing.T) {
	sound := append(greeting(t, 2*time.Second), pause(time.Second)...)
	inBubble(t, options{recogniser: &declared.Recognizer{
		FirstPartial: 100 * time.Millisecond, PartialEvery: 100 * time.Millisecond, Final: 100 * time.Millisecond,
		Says: func(int) string { return "please leave a message after the tone" },
	}}, func(r *rig) {
		c := r.answers(order, sound)
		r.ended(c, MachineAnswered, storage.FaultCallee)
		if after := c.EndedAt.Sub(c.AnsweredAt); after > 3*time.Second {
			r.Errorf("it was known %s after the answer", after)
		}
	})
}

func TestTheOpeningIsInTheRecord(t *testing.T) {
	sound := append(pause(200*time.Millisecond), greeting(t, time.Second)...)
	inBubble(t, options{}, func(r *rig) {
		c := r.answers(order, sound)
		at := map[string]time.Duration{}
		var class string
		for _, e := range r.journal.events() {
			if _, known := at[e.Kind]; !known {
				at[e.Kind] = e.At
			}
			var d StepData
			if err := json.Unmarshal(e.Data, &d); err == nil && d.Event.Kind == calleeKnown {
				class = d.Event.Text
			}
		}
		r.same("class", c.AnsweredBy, class)
		for kind, want := range map[string]time.Duration{
			string(greetingEnded): c.GreetedAt.Sub(c.StartedAt), string(agentHeard): c.OpenedAt.Sub(c.StartedAt),
		} {
			r.same(kind, want, at[kind])
		}
		for _, kind := range []string{"call_sent", "call_ringing", "partial", "final", "answered"} {
			if _, known := at[kind]; !known && kind != "partial" {
				r.Errorf("no event %s", kind)
			}
		}
	})
}

func TestABusyToneInEarlyMediaEndsTheCall(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		for range 6 {
			r.leg.say(busyTone())
		}
		r.outlet(func(ctx context.Context, _ Outgoing, progress func(Progress)) error {
			progress(Progress{Kind: Sent})
			progress(Progress{Kind: EarlyMedia, Status: 183, Leg: r.leg})
			<-ctx.Done()

			return context.Cause(ctx)
		})
		r.place()
		c := r.placedEnds()
		r.ended(c, Busy, storage.FaultCallee)
		if after := c.EndedAt.Sub(c.StartedAt); after > 5*time.Second {
			r.Errorf("it took %s", after)
		}
		r.same("agent", false, r.leg.audible().After(c.StartedAt))
	})
}

// busyTone is one second of a North American busy tone.
func busyTone() []int16 {
	out := make([]int16, media.SampleRate)
	for i := range len(out) / 2 {
		at := float64(i) / media.SampleRate
		out[i] = int16(4000*math.Sin(2*math.Pi*480*at) + 4000*math.Sin(2*math.Pi*620*at))
	}

	return out
}

// What the carrier says before the answer is recorded where that is wanted.
func TestEarlyMediaIsRecorded(t *testing.T) {
	for name, early := range map[string]bool{"wanted": true, "not wanted": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, options{recordings: t.TempDir()}, func(r *rig) {
				r.manager.cfg.RecordEarly = early
				r.leg.say(busyTone())
				r.outlet(func(_ context.Context, _ Outgoing, progress func(Progress)) error {
					progress(Progress{Kind: Sent})
					progress(Progress{Kind: EarlyMedia, Status: 183, Leg: r.leg})
					time.Sleep(2 * time.Second)

					return nil
				})
				r.place()
				r.until("an answer", func() bool { return r.journal.last().State == storage.InProgress })
				time.Sleep(time.Second)
				r.door.end(CallerHangup)
				c := r.placedEnds()
				a, err := record.ReadWAV(c.Recording)
				if err != nil {
					r.Fatal(err)
				}
				r.same("the tone is in it", early, slices.ContainsFunc(a.Samples[0], func(s int16) bool { return s > 4000 }))
			})
		})
	}
}
