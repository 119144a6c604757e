package call

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trunkline/compliance"
	"trunkline/compliance/opening"
	"trunkline/media"
	"trunkline/media/record"
	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/storage"
)

// duties are what a test has its calls say.
type duties struct {
	duty  Duty
	mu    sync.Mutex
	asked []Party
	proof []Proof
}

func (d *duties) Of(p Party) Duty {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, p)

	return d.duty
}

func (d *duties) prove(_ context.Context, p Proof) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.proof = append(d.proof, p)

	return nil
}

// proven is the proof of the one call.
func (d *duties) proven(r *rig) Proof {
	r.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.proof) != 1 {
		r.Fatalf("%d proofs", len(d.proof))
	}

	return d.proof[0]
}

// full is a campaign's duty, of a call that is recorded.
func full() *duties {
	texts, who := opening.In("en"), opening.Caller{LegalName: "Acme Inc.", Callback: "+15550100888", Key: "9"}

	must := compliance.OpeningDuty{
		LegalNameWithin: 5 * time.Second, AIWithin: 5 * time.Second, OptOutAfterName: 2 * time.Second, RecordingWithin: 20 * time.Second, CallbackNumber: true,
	}

	return &duties{duty: Duty{
		Opening:   must,
		Recording: compliance.RecordingDuty{Consent: compliance.AllParty, Announce: true}, Rules: []string{"house-opening"},
		Sentences: texts.Sentences(who, must, true), Closing: func(string) opening.Sentence { return texts.Closing(who, must) },
	}}
}

// notice is the duty of a call that came in.
func notice() *duties {
	return &duties{duty: Duty{
		Opening:   compliance.OpeningDuty{RecordingWithin: 20 * time.Second},
		Recording: compliance.RecordingDuty{Consent: compliance.AllParty, Announce: true}, Sentences: opening.In("en").Notice(),
	}}
}

// owes has the manager's calls say what they must.
func (r *rig) owes(d *duties) {
	r.Helper()
	r.manager.cfg.Duties, r.manager.cfg.Prove = d, d.prove
	var more []string
	for _, s := range d.duty.Sentences {
		more = append(more, s.Text)
	}
	for _, may := range []func(string) opening.Sentence{d.duty.Closing, d.duty.Reminder, d.duty.Voicemail} {
		if may != nil {
			more = append(more, may("en").Text)
		}
	}
	lines := texts
	lines.NotKept = "Nothing is recorded any more."
	var err error
	if r.providers().Lines, err = pipeline.PrepareLines(r.Context(), &declared.Voice{}, lines, more...); err != nil {
		r.Fatal(err)
	}
}

// openingOf is the recorded proof.
func (r *rig) openingOf() *Proof {
	r.Helper()
	for _, e := range r.journal.events() {
		var d StepData
		if err := json.Unmarshal(e.Data, &d); err != nil {
			r.Fatal(err)
		}
		if d.Opening != nil {
			return d.Opening
		}
	}
	r.Fatal("no proof is recorded")

	return nil
}

func TestTheOpeningIsSaidAndProven(t *testing.T) {
	inBubble(t, options{recordings: t.TempDir()}, func(r *rig) {
		d := full()
		r.owes(d)
		r.outlet(rings(time.Second))
		r.place()
		r.until("the opening", func() bool { return r.leg.stats().PacketsOut > 0 && len(r.journal.said(storage.Agent)) == 0 })
		time.Sleep(2500 * time.Millisecond)
		speakUp(r) // over it
		r.agentTurns(1)
		first := r.journal.said(storage.Agent)[0]
		if want := d.duty.Sentences[0].Text + " " + d.duty.Sentences[1].Text; !strings.HasPrefix(first, want) {
			r.Errorf("the agent begins with %q", first)
		}
		if err := r.manager.Hangup(r.journal.last().ID, true); err != nil {
			r.Fatal(err)
		}
		got := r.placedEnds()
		r.ended(got, OperatorHangup, OperatorHangup.Fault())
		said := r.journal.said(storage.Agent)
		r.same("the last words", texts.Goodbye+" "+d.duty.Closing("en").Text, said[len(said)-1])
		p := d.proven(r)
		if !p.Kept || len(p.Items) != 5 || p.Call != got.ID {
			r.Errorf("the proof: %+v", p)
		}
		r.same("the words in it", d.duty.Sentences, p.Said)
		r.same("the call's own record of it", p, *r.openingOf())
		r.same("asked for", []Party{{
			Direction: storage.Outbound, Number: "+15550100777", Campaign: "spring", Purpose: d.asked[0].Purpose, Recorded: true, At: d.asked[0].At,
		}}, d.asked)
		story := strings.Join(openingStory(r.journal.events()), " ")
		if !strings.Contains(story, "the seller's name (") || strings.Contains(story, "NOT") || strings.Contains(story, "LATE") {
			r.Errorf("the story: %s", story)
		}
	})
}

func TestAnOpeningThatIsCutOffIsNotProven(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		d := full()
		r.owes(d)
		o := rings(time.Second)
		r.outlet(o)
		r.place()
		r.until("the opening", func() bool { return !r.leg.audible().IsZero() })
		time.Sleep(500 * time.Millisecond)
		r.door.end(CallerHangup)
		r.placedEnds()
		p := d.proven(r)
		if p.Heard || p.Kept || p.Items[0].Heard || p.Items[0].Times != 1 {
			r.Errorf("the proof: %+v", p)
		}
		if story := strings.Join(openingStory(r.journal.events()), " "); !strings.Contains(story, "NOT heard, although it must be: that an AI speaks") {
			r.Errorf("the story: %s", story)
		}
	})
}

// The caller's channel is silent until the notice was heard; the agent's holds
// the notice itself.
func TestTheCallerIsRecordedAfterTheNotice(t *testing.T) {
	inBubble(t, options{recordings: t.TempDir(), limits: Limits{Cap: 20 * time.Second, WarnBefore: time.Second}}, func(r *rig) {
		d := notice()
		r.owes(d)
		r.offer()
		for range 8 { // speaks all the time
			speakUp(r)
		}
		got := r.end()
		p := d.proven(r)
		at := p.Items[0].Ended
		if !p.Kept || at == 0 {
			r.Fatalf("the proof: %+v", p)
		}
		a, err := record.ReadWAV(got.Recording)
		if err != nil {
			r.Fatal(err)
		}
		loud := func(channel int, from, to time.Duration) bool {
			return slices.ContainsFunc(a.Samples[channel][media.SamplesIn(from):media.SamplesIn(to)], func(s int16) bool { return s > 300 || s < -300 })
		}
		r.same("the caller before", false, loud(0, 0, at-100*time.Millisecond))
		r.same("the agent before", true, loud(1, 0, at))
		r.same("the caller after", true, loud(0, at, at+3*time.Second))
	})
}

func TestANoticeThatIsLeftOffIsRecorded(t *testing.T) {
	inBubble(t, options{recordings: t.TempDir(), limits: Limits{Cap: 10 * time.Second, WarnBefore: time.Second}}, func(r *rig) {
		d := &duties{duty: Duty{Recording: compliance.RecordingDuty{Consent: compliance.AllParty}, Silent: "the carrier says it"}}
		r.owes(d)
		r.offer()
		speakUp(r)
		got := r.end()
		r.same("why", "the carrier says it", d.proven(r).Silent)
		a, err := record.ReadWAV(got.Recording)
		if err != nil {
			r.Fatal(err)
		}
		r.same("the caller is recorded", true, slices.ContainsFunc(a.Samples[0], func(s int16) bool { return s > 300 }))
	})
}

func TestTheProofThatCannotBeStoredStaysInTheEvents(t *testing.T) {
	inBubble(t, options{recordings: t.TempDir(), limits: Limits{Cap: 10 * time.Second, WarnBefore: time.Second}}, func(r *rig) {
		r.owes(notice())
		r.manager.cfg.Prove = func(context.Context, Proof) error { return errors.New("no database") }
		r.offer()
		r.end()
		r.same("heard", true, r.openingOf().Heard)
		r.same("told", true, strings.Contains(r.log.String(), "events only"))
	})
}

func TestTapAllocatesNothing(t *testing.T) {
	rec, err := record.Create(t.TempDir()+"/x.wav", record.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := &tap{}
	x.recorder.Store(rec)
	var caller, agent media.Frame
	if n := testing.AllocsPerRun(50, func() { x.Write(&caller, &agent) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
}

// A caller who comes back from a transfer hears again that an AI speaks, and the
// proof asks for it only then.
func TestAnAgentRemindsAfterATransfer(t *testing.T) {
	inBubble(t, options{model: handsOff(), recogniser: theirs("a person please", "goodbye").recogniser}, func(r *rig) {
		d := full()
		d.duty.Reminder = func(string) opening.Sentence { return opening.In("en").Reminding() }
		r.owes(d)
		r.manager.cfg.Agents["reception"].Transfers = map[string]Target{"desk": frontDesk}
		r.outlet(refuses(&refusedError{Busy, 486, errors.New("busy")}))
		r.talk()
		speakUp(r)
		r.agentTurns(3)
		r.same("what the caller hears", "This is the automated AI assistant again. "+texts.NotReached, r.journal.said(storage.Agent)[2])
		r.leg.say(yes())
		r.end()
		p := d.proven(r)
		if last := p.Items[len(p.Items)-1]; last.Item != opening.Reminder || !last.Heard {
			r.Errorf("the proof: %+v", p.Items)
		}
	})
}

// The line is given back in time after an opt-out, whatever is left to say.
func TestAnOptOutEndsTheCallInTime(t *testing.T) {
	inBubble(t, says("please stop calling me"), func(r *rig) {
		d := full()
		d.duty.Opening.EndWithin = 5 * time.Second
		long := opening.Sentence{Items: []opening.Item{opening.Callback}, Text: strings.Repeat("You can call us back. ", 10)}
		d.duty.Closing = func(string) opening.Sentence { return long }
		l := &list{}
		r.listens(l)
		r.owes(d)
		r.outlet(rings(time.Second))
		r.place()
		r.agentTurns(1)
		speakUp(r)
		r.until("the wish", func() bool { return len(l.all()) == 1 })
		found := time.Now()
		got := r.placedEnds()
		r.ended(got, OptedOut, storage.FaultCallee)
		if took := got.EndedAt.Sub(found); took > 5*time.Second+100*time.Millisecond {
			r.Errorf("the call ended %s after the wish", took)
		}
	})
}

// An answering machine is told who calls, the message, and how to have no more
// of them.
func TestAVoicemailSaysHowToOptOut(t *testing.T) {
	sound := slices.Concat(greeting(t, 6*time.Second), pause(500*time.Millisecond), beep())
	inBubble(t, options{}, func(r *rig) {
		d := full()
		texts, who := opening.In("en"), opening.Caller{TollFree: "+18005550100"}
		d.duty.Voicemail = func(string) opening.Sentence { return texts.Voicemail(who) }
		r.owes(d)
		o := order
		o.OnMachine = LeaveMessage
		c := r.answers(o, sound)
		r.ended(c, MessageLeft, storage.FaultAgent)
		said := r.journal.said(storage.Agent)
		want := []string{d.duty.Sentences[0].Text, texts.Voicemail(who).Text, d.duty.Closing("en").Text}
		at := 0
		for _, w := range want {
			i := strings.Index(said[0][at:], w)
			if i < 0 {
				r.Fatalf("%q is not said in its place in %q", w, said)
			}
			at += i + len(w)
		}
		p := d.proven(r)
		if last := p.Items[len(p.Items)-1]; last.Item != opening.TollFree || !last.Heard {
			r.Errorf("the proof: %+v", p.Items)
		}
	})
}
