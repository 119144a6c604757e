package call

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"trunkline/compliance"
	"trunkline/compliance/opening"
	"trunkline/media"
	"trunkline/media/player"
	"trunkline/media/record"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
	"trunkline/privacy"
	"trunkline/storage"
)

// Duties says what the law and the operator have a call say. Its method must
// not wait.
type Duties interface {
	Of(p Party) Duty
}

// Party is a call and whom it is with, as far as its duties depend on them.
type Party struct {
	Direction storage.Direction
	Number    privacy.Number // the other end's
	Campaign  string
	Purpose   string
	Language  string // of the agent, BCP 47
	Recorded  bool
	At        time.Time
}

// Duty is what a call must say.
type Duty struct {
	Opening   compliance.OpeningDuty                 // what must be proven
	Recording compliance.RecordingDuty               // zero: the call is not recorded
	Rules     []string                               // that say so
	Sentences []opening.Sentence                     // before the agent's first line; all are prepared
	Closing   func(language string) opening.Sentence // before we hang up; nil: nothing
	Reminder  func(language string) opening.Sentence // when a caller comes back to the agent; nil: nothing
	Voicemail func(language string) opening.Sentence // after what an answering machine is told; nil: nothing
	Silent    string                                 // why a recording is not announced, if so
}

// Proof is the evidence of what a call had to say.
type Proof struct {
	opening.Proof

	Call    uuid.UUID                   `json:"call"`
	Consent compliance.RecordingConsent `json:"consent,omitempty"` // that the recording needs; empty: there is none
	Rules   []string                    `json:"rules"`
	Said    []opening.Sentence          `json:"said,omitempty"` // before the agent's first line, as prepared
	Silent  string                      `json:"silent,omitempty"`
}

// openingKind is the kind of a recorded event that is not the turn machine's:
// what of the opening was heard, in StepData.Opening.
const openingKind turn.EventKind = "opening"

// owed is what a call has to say, and how far it came.
type owed struct {
	duty      Duty
	sentences []opening.Sentence // by mark, from 1
	timeline  *opening.Timeline
	told      chan player.Event
	began     time.Time // the agent's first sentence; zero: it has said none
	tap       *tap      // of the recording; nil: there is none
}

// tellWaiting bounds what the tick goroutine tells of sentences: each tells
// twice.
const tellWaiting = 64

// owe has the conversation say what the call must.
func (c *call) owe(settings *pipeline.Config) {
	if c.m.cfg.Duties == nil {
		return
	}
	p := Party{
		Direction: c.rec.Direction, Number: c.rec.From, Campaign: c.rec.Campaign, Purpose: c.rec.Purpose, Language: settings.Language,
		Recorded: c.m.cfg.Recordings != nil, At: c.rec.StartedAt,
	}
	if c.out != nil {
		p.Number = c.rec.To
	}
	o := &c.owed
	o.duty = c.m.cfg.Duties.Of(p)
	o.timeline, o.told = opening.New(o.duty.Opening), make(chan player.Event, tellWaiting)
	for _, s := range o.duty.Sentences {
		o.sentences = append(o.sentences, s)
		settings.Preface = append(settings.Preface, pipeline.Part{Mark: len(o.sentences), Text: s.Text})
	}
	settings.Closing = o.part(o.duty.Closing, settings.Language)
	settings.Reminder = o.part(o.duty.Reminder, settings.Language)
	settings.Voicemail = o.part(o.duty.Voicemail, settings.Language)
}

// part is a sentence that may be said, as the conversation takes it.
func (o *owed) part(sentence func(language string) opening.Sentence, language string) func(string) pipeline.Part {
	if sentence == nil {
		return nil
	}
	o.sentences = append(o.sentences, sentence(language))
	mark := len(o.sentences)

	return func(language string) pipeline.Part { return pipeline.Part{Mark: mark, Text: sentence(language).Text} }
}

// require notes that something must be said because of what happened.
func (o *owed) require(i opening.Item) {
	if o.timeline == nil {
		return
	}
	switch i {
	case opening.Reminder:
		if o.duty.Reminder == nil {
			return
		}
	case opening.TollFree:
		if o.duty.Voicemail == nil {
			return
		}
	}
	o.timeline.Require(i)
}

// announced are the items that the sentences say.
func (o *owed) announced() (all []opening.Item) {
	for _, s := range o.duty.Sentences {
		all = append(all, s.Items...)
	}

	return all
}

// spoke takes what the player tells of a sentence, on the tick goroutine: the
// caller may be recorded from the next tick on.
func (o *owed) spoke(e player.Event) {
	if e.Kind == player.Passed && o.tap != nil && slices.Contains(o.sentences[e.Mark-1].Items, opening.Recording) {
		o.tap.open.Store(true)
	}
	select {
	case o.told <- e:
	default: // there are fewer sentences
	}
}

// said notes how far a sentence has come.
func (o *owed) said(e player.Event) {
	if o.began.IsZero() {
		o.began = e.At
	}
	kind := opening.Began
	if e.Kind == player.Passed {
		kind = opening.Heard
	}
	for _, i := range o.sentences[e.Mark-1].Items {
		o.timeline.Apply(opening.Event{Kind: kind, Item: i, At: e.At.Sub(o.began)})
	}
}

// proveBound bounds the storing of a proof, after the call.
const proveBound = 3 * time.Second

// prove records what was heard of what the call had to say. The conversation
// is over.
func (c *call) prove() {
	o := &c.owed
	if o.timeline == nil || len(o.timeline.Items()) == 0 && o.duty.Silent == "" || c.rec.AnsweredAt.IsZero() {
		return
	}
	for len(o.told) > 0 {
		o.said(<-o.told)
	}
	p := Proof{Proof: o.timeline.Proof(), Call: c.rec.ID, Consent: o.duty.Recording.Consent, Rules: o.duty.Rules, Said: o.duty.Sentences, Silent: o.duty.Silent}
	c.notes.opening(&p)
	if !p.Heard {
		c.log.Warn("the call ended before all that it must say was heard")
	}
	if c.m.cfg.Prove == nil {
		return
	}
	c.work.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), proveBound) // the call is over
		defer cancel()
		if err := c.m.cfg.Prove(ctx, p); err != nil {
			c.log.Error("the proof of the opening is in the call's events only, not in the ledger", slog.Any("error", err))
		}
	})
}

// opening notes the proof of an opening.
func (n *notes) opening(p *Proof) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.event(time.Since(n.offered), StepData{Event: turn.Event{Kind: openingKind}, Opening: p})
}

// tap gives a recorder, once there is one, the caller's channel as soon as the
// caller may be recorded, and nothing any more once they object or the
// recording is stopped. The agent's is there from the start.
type tap struct {
	recorder atomic.Pointer[record.Recorder]
	open     atomic.Bool
	stopped  atomic.Bool
	before   uint64 // ticks without a recorder
	ticks    atomic.Int64
	silence  media.Frame
}

// Write implements line.Tap.
func (t *tap) Write(caller, agent *media.Frame) {
	t.ticks.Add(1)
	r := t.recorder.Load()
	switch {
	case r == nil:
		t.before++

		return
	case t.stopped.Load():
		return
	}
	if t.before > 0 {
		r.Late(t.before)
		t.before = 0
	}
	if !t.open.Load() {
		caller = &t.silence
	}
	r.Write(caller, agent)
}

// position is where the recording is now.
func (t *tap) position() media.Samples { return media.Samples(t.ticks.Load()) * media.FrameSamples }

// openingStory tells what was heard of the opening of a finished call.
func openingStory(events []storage.Event) []string {
	var out []string
	for _, e := range events {
		d, ok := stepData(e)
		if !ok || d.Opening == nil {
			continue
		}
		if d.Opening.Silent != "" {
			out = append(out, "The recording was not announced by the agent: "+strings.TrimSuffix(d.Opening.Silent, ".")+".")
		}
		var heard, missing []string
		for _, i := range d.Opening.Items {
			switch {
			case !i.Heard:
				missing = append(missing, i.Item.Meaning())
			case i.Late > 0:
				heard = append(heard, fmt.Sprintf("%s (%s, %s LATE)", i.Item.Meaning(), seconds(i.Ended), seconds(i.Late)))
			default:
				heard = append(heard, fmt.Sprintf("%s (%s)", i.Item.Meaning(), seconds(i.Ended)))
			}
		}
		if len(heard) > 0 {
			out = append(out, "Heard to the end, from the agent's first sound: "+strings.Join(heard, ", ")+".")
		}
		if len(missing) > 0 {
			out = append(out, "NOT heard, although it must be: "+strings.Join(missing, ", ")+".")
		}
		if d.Opening.Consent != "" {
			out = append(out, "Recording needed the consent of "+map[compliance.RecordingConsent]string{
				compliance.OneParty: "one party", compliance.AllParty: "all parties",
			}[d.Opening.Consent]+".")
		}
	}

	return out
}
