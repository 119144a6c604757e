package evidence

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"trunkline/privacy"
	"trunkline/storage"
)

// record keeps a finished call with a turn, an event, a callback and a
// recording, that ended some time ago.
func record(t testing.TB, b bundleOf, from privacy.Number, ago time.Duration) uuid.UUID {
	t.Helper()
	end := time.Now().Add(-ago)
	c := storage.Call{
		ID: storage.NewID(), Direction: storage.Inbound, Door: storage.DoorSIP, From: from, To: "+12125550199", State: storage.Ended,
		StartedAt: end.Add(-time.Minute), AnsweredAt: end.Add(-time.Minute), EndedAt: end, EndReason: "caller_hangup", Fault: storage.FaultCaller,
	}
	j := storage.NewJournal(b.store, storage.Owner{Node: "n", Boot: uuid.New()}, storage.JournalOptions{})
	if err := j.Start(); err != nil {
		t.Fatal(err)
	}
	j.Begin(c)
	j.Turn(storage.Turn{CallID: c.ID, Number: 1, Role: storage.Caller, Text: "hello", StartedAt: c.StartedAt})
	j.Event(storage.Event{CallID: c.ID, Kind: "speech"})
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.Stop(t.Context())
	if err := b.store.AddCallback(t.Context(), storage.Callback{Key: c.ID.String(), CallID: c.ID, Number: from, DueAt: end}); err != nil {
		t.Fatal(err)
	}
	if err := b.store.SaveRecording(t.Context(), storage.Recording{CallID: c.ID, File: c.ID.String() + ".wav"}); err != nil {
		t.Fatal(err)
	}

	return c.ID
}

func (r *Removal) counts() [5]int64 {
	return [5]int64{r.Turns, r.Events, r.Numbers, r.Callbacks, r.Recordings}
}

// due are the calls whose recordings the node is to erase.
func due(t testing.TB, b bundleOf) (calls []uuid.UUID) {
	t.Helper()
	files, _, err := b.DueRecordings(t.Context(), "acme", "n", uuid.Nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		calls = append(calls, f.Call)
	}

	return calls
}

func TestExpire(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old, held := record(t, b, callee, 48*time.Hour), record(t, b, "2125550777", 48*time.Hour)
	record(t, b, callee, time.Hour)
	hold, err := b.Hold(t.Context(), "acme", uuid.Nil, "+12125550777", "Doe v. Acme")
	if err != nil {
		t.Fatal(err)
	}
	limits := Limits{Recordings: 24 * time.Hour, Transcripts: 24 * time.Hour, Calls: 24 * time.Hour}
	one := [5]int64{1, 1, 1, 1, 1}
	for name, want := range map[string][5]int64{"dry": one, "dry again": one} {
		r, err := b.Expire(t.Context(), "acme", limits, time.Now(), Removing{Dry: true})
		if err != nil || r.counts() != want || r.Held != 1 || len(due(t, b)) != 0 {
			t.Fatalf("%s: %+v, %v", name, r, err)
		}
	}
	if r, err := b.Expire(t.Context(), "acme", Limits{}, time.Now(), Removing{}); err != nil || r.counts() != [5]int64{} {
		t.Errorf("without limits: %+v, %v", r, err)
	}
	if r, err := b.Expire(t.Context(), "acme", limits, time.Now(), Removing{}); err != nil || r.counts() != one {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := due(t, b); !slices.Equal(got, []uuid.UUID{old}) {
		t.Errorf("to erase: %v", got)
	}
	if err := b.Erased(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if r, err := b.Expire(t.Context(), "acme", limits, time.Now(), Removing{}); err != nil || r.counts() != [5]int64{} {
		t.Errorf("a second time: %+v, %v", r, err)
	}
	if err := b.Release(t.Context(), "acme", hold); err != nil {
		t.Fatal(err)
	}
	if r, err := b.Expire(t.Context(), "acme", limits, time.Now(), Removing{}); err != nil || r.counts() != one || !slices.Equal(due(t, b), []uuid.UUID{held}) {
		t.Errorf("after the release: %+v, %v", r, err)
	}
}

// An erasure leaves nothing of the calls, and the suppression in force.
func TestErase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, written := range []privacy.Number{callee, "2125550123", "12125550123", "+12125550123@host"} {
		record(t, b, written, time.Hour)
	}
	record(t, b, "+12125550456", time.Hour)
	suppress(t, b.Ledger, order("k"))
	kinds := map[string]int{}
	err := b.EachRecord(t.Context(), "acme", callee, func(kind string, _ any) error {
		kinds[kind]++

		return nil
	})
	if err != nil || kinds["call"] != 4 || kinds["suppression"] != 1 {
		t.Errorf("all that is kept: %v, %v", kinds, err)
	}
	r, err := b.Erase(t.Context(), "acme", callee, Removing{})
	if err != nil || r.counts() != [5]int64{4, 4, 4, 4, 4} {
		t.Fatalf("%+v, %v", r, err)
	}
	if again, err := b.Erase(t.Context(), "acme", callee, Removing{Dry: true}); err != nil || again.Turns+again.Numbers != 0 {
		t.Errorf("something is left: %+v, %v", again, err)
	}
	if got := facts(t, b, sampleAttempt()).Suppressions.Value; len(got) != 1 {
		t.Errorf("the suppression is gone: %v", got)
	}
}
