// Package opening keeps the timeline of what a call must say at its beginning,
// and the proof that it was heard (47 CFR 64.1200(b), 16 CFR 310.4(d)).
//
// It is a pure machine: whoever plays the agent's audio tells it when the part
// of an utterance that carries an item begins and ends, by the ledger of what
// has left (or by marks that came back), and whether it was cut off. It
// answers what must be said again, until when, and whether the caller may
// interrupt yet. At the end its Proof is the evidence.
//
// Times are from the first sample of the agent's audio.
package opening

import (
	"cmp"
	"slices"
	"time"

	"trunkline/compliance"
)

// Item is one thing that must be said.
type Item string

// Items, in the order in which an opening says them.
const (
	AI        Item = "ai"        // that an AI speaks
	Name      Item = "name"      // the seller's registered name
	OptOut    Item = "opt_out"   // how to have no more calls
	Recording Item = "recording" // that the call is recorded and written down
	Purpose   Item = "purpose"   // that it sells, and what
	Callback  Item = "callback"  // the number to call, before we hang up
	AIAtEnd   Item = "ai_at_end" // once more that an AI spoke
	Reminder  Item = "reminder"  // that an AI speaks again, after a transfer
	TollFree  Item = "toll_free" // on a voicemail: the number that opts out
)

// meanings are the items, as they stand in a sentence.
var meanings = map[Item]string{
	AI: "that an AI speaks", Name: "the seller's name", OptOut: "how to opt out", Recording: "that the call is recorded",
	Purpose: "what is sold", Callback: "the number to call back", AIAtEnd: "once more that an AI spoke",
	Reminder: "after the transfer that an AI speaks", TollFree: "on the voicemail how to opt out",
}

// Meaning is what must be said, for people to read.
func (i Item) Meaning() string { return meanings[i] }

// protected are the items over which the caller may not interrupt for good:
// they are resumed until heard.
var protected = []Item{AI, Name, OptOut, Recording}

// EventKind is what happened to an item.
type EventKind string

// Kinds of event.
const (
	Began       EventKind = "began"       // its first sample has left
	Heard       EventKind = "heard"       // its last sample has left
	Interrupted EventKind = "interrupted" // it was cut off before its last sample
)

// Event is what happened to an item, and when.
type Event struct {
	Kind EventKind     `json:"kind"`
	Item Item          `json:"item"`
	At   time.Duration `json:"at_ns"`
}

// Timeline is one call's opening. It is not safe for concurrent use.
type Timeline struct {
	duty   compliance.OpeningDuty
	items  []Item
	state  map[Item]*progress
	events []Event
}

// progress is how far an item has come.
type progress struct {
	begun  time.Duration // of the rendition under way, or of the last one
	first  time.Duration // when it was first begun since it last could count
	ended  time.Duration
	active bool
	heard  bool
	times  int
}

// New is the opening that a duty asks for.
func New(d compliance.OpeningDuty) *Timeline {
	t := &Timeline{duty: d, state: make(map[Item]*progress)}
	for _, i := range []struct {
		item Item
		need bool
	}{
		{AI, d.AIWithin > 0},
		{Name, d.LegalNameWithin > 0},
		{OptOut, d.OptOutAfterName > 0},
		{Recording, d.RecordingWithin > 0},
		{Purpose, d.PurposeWithin > 0},
		{Callback, d.CallbackNumber},
		{AIAtEnd, d.AIAtEnd},
	} {
		if i.need {
			t.items = append(t.items, i.item)
			t.state[i.item] = &progress{}
		}
	}

	return t
}

// Require adds an item that must be said from now on, because of what happened:
// Reminder after a transfer, TollFree on a voicemail.
func (t *Timeline) Require(i Item) {
	if _, asked := t.state[i]; !asked {
		t.items = append(t.items, i)
		t.state[i] = &progress{}
	}
}

// Items are what must be said, in the order of saying.
func (t *Timeline) Items() []Item { return slices.Clone(t.items) }

// Apply takes an event and returns what must be queued again now, in order: an
// item that was cut off, and whatever of the opening stood behind it. An event
// of an item that no duty asks for, or that was not begun, changes nothing.
func (t *Timeline) Apply(e Event) []Item {
	p, asked := t.state[e.Item]
	if !asked || e.Kind != Began && !p.active {
		return nil
	}
	t.events = append(t.events, e)
	switch e.Kind {
	case Began:
		p.active, p.begun = true, e.At
		if p.times == 0 {
			p.first = e.At
		}
		p.times++
	case Heard:
		p.active, p.heard, p.ended = false, true, e.At
	case Interrupted:
		p.active = false

		return t.again(e.Item)
	}

	return nil
}

// again is the item and what follows it, as far as it was not heard. What may
// be said at any time waits for its turn.
func (t *Timeline) again(from Item) []Item {
	var all []Item
	for _, i := range t.items[slices.Index(t.items, from):] {
		if !t.state[i].heard && (i == from || i != Callback && i != AIAtEnd) {
			all = append(all, i)
		}
	}

	return all
}

// Outstanding are the items that were not heard yet.
func (t *Timeline) Outstanding() []Item {
	var all []Item
	for _, i := range t.items {
		if !t.state[i].heard {
			all = append(all, i)
		}
	}

	return all
}

// Protected says whether something is outstanding that the caller may not
// interrupt for good.
func (t *Timeline) Protected() bool {
	return slices.ContainsFunc(t.Outstanding(), func(i Item) bool { return slices.Contains(protected, i) })
}

// MayRecord says whether the caller's channel may be recorded: the notice was
// heard, or none is asked for.
func (t *Timeline) MayRecord() bool { return !slices.Contains(t.Outstanding(), Recording) }

// deadline is until when an item is due, and whether its beginning counts and
// not its end. It is false while there is none: an opt-out offer has one once
// the name was heard.
func (t *Timeline) deadline(i Item) (due time.Duration, begin, ok bool) {
	switch i {
	case AI:
		return t.duty.AIWithin, false, true
	case Name:
		return t.duty.LegalNameWithin, false, true
	case OptOut:
		name, asked := t.state[Name]
		if !asked {
			return t.duty.OptOutAfterName, true, true
		}

		return name.ended + t.duty.OptOutAfterName, true, name.heard
	case Recording:
		return t.duty.RecordingWithin, false, true
	case Purpose:
		return t.duty.PurposeWithin, false, true
	default:
		return 0, false, false
	}
}

// Next is the outstanding item that is due first, and when. It is false when
// none has a time.
func (t *Timeline) Next() (Item, time.Duration, bool) {
	var due Item
	var at time.Duration
	for _, i := range t.Outstanding() {
		d, begin, ok := t.deadline(i)
		if begin && t.state[i].active { // it has begun; nothing is due but its end
			continue
		}
		if ok && (due == "" || d < at) {
			due, at = i, d
		}
	}

	return due, at, due != ""
}

// ItemProof is what became of one item.
type ItemProof struct {
	Item  Item          `json:"item"`
	Heard bool          `json:"heard"`             // to its last sample
	InDue bool          `json:"in_due"`            // and in time
	Begun time.Duration `json:"begun_ns"`          // of the first rendition
	Ended time.Duration `json:"ended_ns"`          // of the one that was heard
	Due   time.Duration `json:"due_ns"`            // 0: before we hang up
	Times int           `json:"times"`             // renditions begun
	Late  time.Duration `json:"late_ns,omitempty"` // how much too late
}

// Proof is the evidence of an opening.
type Proof struct {
	Kept   bool        `json:"kept"`  // every item was heard, and in time
	Heard  bool        `json:"heard"` // every item was heard
	Items  []ItemProof `json:"items"`
	Events []Event     `json:"events"`
}

// Proof is the evidence as it stands.
func (t *Timeline) Proof() Proof {
	proof := Proof{Kept: true, Heard: true, Events: slices.Clone(t.events)}
	for _, i := range t.items {
		p := t.state[i]
		due, begin, timed := t.deadline(i)
		made := cmp.Or(p.ended, p.begun)
		if begin {
			made = p.first
		}
		one := ItemProof{Item: i, Heard: p.heard, Begun: p.first, Ended: p.ended, Times: p.times, InDue: p.heard}
		if timed {
			one.Due = due
			if p.heard && made > due {
				one.InDue, one.Late = false, made-due
			}
		}
		proof.Heard = proof.Heard && one.Heard
		proof.Kept = proof.Kept && one.InDue
		proof.Items = append(proof.Items, one)
	}

	return proof
}
