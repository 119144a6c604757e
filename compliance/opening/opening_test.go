package opening

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"trunkline/compliance"
)

const s = time.Second

// duty is a Texan sales call's.
var duty = compliance.OpeningDuty{
	LegalNameWithin: 5 * s, AIWithin: 5 * s, OptOutAfterName: 2 * s, PurposeWithin: 10 * s, RecordingWithin: 20 * s, CallbackNumber: true,
}

func play(t *Timeline, events ...Event) []Item {
	var again []Item
	for _, e := range events {
		again = t.Apply(e)
	}

	return again
}

// say is an item that begins and is heard to its end.
func say(i Item, from, to time.Duration) []Event {
	return []Event{{Began, i, from}, {Heard, i, to}}
}

func TestOpeningKept(t *testing.T) {
	t.Parallel()
	tl := New(duty)
	if got := tl.Items(); !slices.Equal(got, []Item{AI, Name, OptOut, Recording, Purpose, Callback}) {
		t.Fatalf("items %v", got)
	}
	if tl.MayRecord() || !tl.Protected() {
		t.Error("nothing was said, and the caller is recorded or may interrupt")
	}
	play(tl, slices.Concat(say(AI, 0, 2*s), say(Name, 2*s, 3*s), say(OptOut, 4*s, 7*s), say(Recording, 7*s, 9*s))...)
	if !tl.MayRecord() || tl.Protected() {
		t.Error("all that is protected was heard, and it is protected still")
	}
	if i, at, ok := tl.Next(); i != Purpose || at != 10*s || !ok {
		t.Errorf("next is %s at %s", i, at)
	}
	play(tl, slices.Concat(say(Purpose, 9*s, 10*s), say(Callback, 60*s, 65*s))...)
	if p := tl.Proof(); !p.Kept || !p.Heard || len(p.Items) != 6 || len(p.Events) != 12 {
		t.Errorf("%+v", p)
	}
	if _, _, ok := tl.Next(); ok || len(tl.Outstanding()) != 0 {
		t.Error("something is due still")
	}
}

func TestOpeningInterrupted(t *testing.T) {
	t.Parallel()
	tl := New(duty)
	play(tl, slices.Concat(say(AI, 0, 2*s), say(Name, 2*s, 3*s))...)
	again := play(tl, Event{Began, OptOut, 4 * s}, Event{Interrupted, OptOut, 5 * s})
	if !slices.Equal(again, []Item{OptOut, Recording, Purpose}) {
		t.Fatalf("to be said again: %v", again)
	}
	if !tl.Protected() {
		t.Error("the caller may interrupt before the offer was heard")
	}
	if p := tl.Proof(); p.Kept || p.Heard {
		t.Errorf("half an offer counts: %+v", p)
	}
	play(tl, say(OptOut, 6*s, 9*s)...)
	for _, i := range tl.Proof().Items {
		if i.Item == OptOut && (!i.Heard || !i.InDue || i.Times != 2 || i.Begun != 4*s || i.Ended != 9*s) {
			t.Errorf("begun in time and heard in the end: %+v", i)
		}
	}
}

func TestOpeningLate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		events []Event
		item   Item
		late   time.Duration
	}{
		"the name after 5 s":              {say(Name, 0, 5*s+1), Name, 1},
		"the name at 5 s":                 {say(Name, 0, 5*s), Name, 0},
		"the offer 2 s after the name":    {slices.Concat(say(Name, 0, 3*s), say(OptOut, 5*s, 8*s)), OptOut, 0},
		"the offer later after the name":  {slices.Concat(say(Name, 0, 3*s), say(OptOut, 5*s+1, 8*s)), OptOut, 1},
		"that an AI speaks, at the end":   {say(AI, 58*s, 60*s), AI, 55 * s},
		"the notice of recording at 21 s": {say(Recording, 19*s, 21*s), Recording, s},
		"the callback number at the end":  {say(Callback, 600*s, 602*s), Callback, 0},
	} {
		tl := New(duty)
		play(tl, c.events...)
		for _, i := range tl.Proof().Items {
			if i.Item == c.item && (i.Late != c.late || i.InDue != (c.late == 0) || !i.Heard) {
				t.Errorf("%s: %+v", name, i)
			}
		}
		if tl.Proof().Kept {
			t.Errorf("%s: kept, though most was never said", name)
		}
	}
}

func TestOpeningLeavesOutWhatNoDutyAsks(t *testing.T) {
	t.Parallel()
	tl := New(compliance.OpeningDuty{AIWithin: 5 * s})
	if again := play(tl, Event{Began, Name, 0}, Event{Interrupted, Name, s}); again != nil {
		t.Errorf("to be said again: %v", again)
	}
	if play(tl, Event{Heard, AI, s}); len(tl.Outstanding()) != 1 {
		t.Error("heard without having begun")
	}
	play(tl, say(AI, s, 2*s)...)
	if p := tl.Proof(); !p.Kept || !tl.MayRecord() {
		t.Errorf("%+v", p)
	}
	if p := New(compliance.OpeningDuty{}).Proof(); !p.Kept {
		t.Errorf("no duty: %+v", p)
	}
}

// TestInterruptionsAreMadeGood: whatever is cut off, saying again what Apply
// returns ends with everything heard.
func TestInterruptionsAreMadeGood(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tl := New(duty)
		queue, at := tl.Items(), time.Duration(0)
		for cuts := 0; len(queue) > 0; {
			item := queue[0]
			at += s
			tl.Apply(Event{Began, item, at})
			at += s
			if cuts < 20 && rapid.Bool().Draw(t, "cut") {
				cuts++
				rest := tl.Apply(Event{Interrupted, item, at})
				if len(rest) == 0 || rest[0] != item {
					t.Fatalf("%s was cut off, and %v is to be said again", item, rest)
				}

				continue
			}
			tl.Apply(Event{Heard, item, at})
			queue = queue[1:]
		}
		p := tl.Proof()
		if !p.Heard || tl.Protected() || p.Kept != !slices.ContainsFunc(p.Items, func(i ItemProof) bool { return i.Late > 0 }) {
			t.Fatalf("%+v", p)
		}
	})
}
