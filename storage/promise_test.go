package storage

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestPromisesAreKeptOnceForEachKey(t *testing.T) {
	t.Parallel()
	s := open(t)
	c := sampleCall()
	j := NewJournal(s, Owner{Node: "here", Boot: NewID()}, JournalOptions{Log: discard})
	if err := j.Start(); err != nil {
		t.Fatal(err)
	}
	defer j.Stop(t.Context())
	j.Begin(c)
	if err := j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := Callback{Key: "c-1", CallID: c.ID, Number: "+14155550123", DueAt: at(3600), Name: "Ann", Note: "teeth\x00"}
	second := Callback{Key: "c-2", CallID: c.ID, Number: "+14155550124", DueAt: at(7200)}
	other := Callback{Key: "d-1", CallID: NewID(), Number: "+14155550125", DueAt: at(7200)}
	for _, p := range []Callback{first, first, second, other} {
		if err := s.AddCallback(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	h, err := s.Call(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	first.Note = "teeth\uFFFD"
	want := Promises{Callbacks: []Callback{first, second}, OptOuts: []OptOut{}}
	if d := cmp.Diff(want, h.Promises, cmpopts.IgnoreFields(Callback{}, "MadeAt"), cmpopts.EquateApproxTime(0)); d != "" {
		t.Errorf("promises (-want +got):\n%s", d)
	}
}

func TestAPromiseToNobodyIsRefused(t *testing.T) {
	t.Parallel()
	s := open(t)
	if err := s.AddCallback(t.Context(), Callback{Key: "k", CallID: NewID(), DueAt: at(1)}); err == nil {
		t.Error("a callback without a number was recorded")
	}
}
