package console

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trunkline/storage"
)

// openingEvent is the record of an opening that was cut off.
func openingEvent() storage.Event {
	return storage.Event{Seq: 99, Kind: openingKind, Data: json.RawMessage(`{"event": {"kind": "opening"}, "opening": {
		"kept": false, "heard": false, "consent": "all_party", "rules": ["us-federal-identity", "house-opening"],
		"said": [
			{"items": ["ai", "name"], "text": "This is an AI calling for Acme <Inc>."},
			{"items": ["opt_out"], "text": "Say stop to end these calls."}
		],
		"items": [
			{"item": "ai", "heard": true, "in_due": true, "begun_ns": 40000000, "ended_ns": 2440000000, "due_ns": 5000000000, "times": 1},
			{"item": "name", "heard": true, "in_due": false, "begun_ns": 40000000, "ended_ns": 6440000000, "due_ns": 5000000000, "times": 2, "late_ns": 1440000000},
			{"item": "opt_out", "heard": false, "begun_ns": 2500000000, "due_ns": 7000000000, "times": 1},
			{"item": "callback", "heard": false}
		], "events": []}}`)}
}

func TestProof(t *testing.T) {
	t.Parallel()
	want := &proofView{
		Verdict: "Not all that had to be said was heard to its end.",
		Items: []itemView{
			{Item: "that an AI speaks", Outcome: "heard from 0:00.0 to 0:02.4", Due: "by 0:05.0", Words: "This is an AI calling for Acme <Inc>.", Kept: true},
			{Item: "the seller's name", Outcome: "heard from 0:00.0 to 0:06.4, too late by 0:01.4, begun 2 times", Due: "by 0:05.0", Words: "This is an AI calling for Acme <Inc>."},
			{Item: "how to opt out", Outcome: "begun at 0:02.5, not heard to its end", Due: "by 0:07.0", Words: "Say stop to end these calls."},
			{Item: "the number to call back", Outcome: "not said", Due: "before the call ends"},
		},
		Notes: []string{"Recording needed the consent of all parties.", "By the rules us-federal-identity, house-opening."},
	}
	h := &storage.History{Events: []storage.Event{{Kind: "final", Data: json.RawMessage(`{}`)}, openingEvent()}}
	if d := cmp.Diff(want, proof(h)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for data, want := range map[string]string{
		`{"opening": {"kept": true, "heard": true, "items": [{"item": "ai", "heard": true, "in_due": true}]}}`: "in time.",
		`{"opening": {"heard": true, "items": [{"item": "ai", "heard": true}]}}`:                               "not all of it in time.",
		`{"opening": {"kept": true, "heard": true, "silent": "the operator tells callers"}}`:                   "Nothing had to be said.",
	} {
		p := proof(&storage.History{Events: []storage.Event{{Kind: openingKind, Data: json.RawMessage(data)}}})
		if p == nil || !strings.HasSuffix(p.Verdict, want) {
			t.Errorf("%s: %+v, want %q", data, p, want)
		}
	}
	for _, events := range [][]storage.Event{nil, {{Kind: openingKind, Data: json.RawMessage(`"written by an older version"`)}}} {
		if p := proof(&storage.History{Events: events}); p != nil {
			t.Errorf("%+v: %+v", events, p)
		}
	}
}

func TestCallPageShowsTheOpening(t *testing.T) {
	t.Parallel()
	r, config := setup(t)
	plain := parse(t, get(New(config), "/calls/"+callID.String()).Body.String())
	if n := len(plain.find("table", "opening")); n != 0 {
		t.Errorf("%d openings of a call that owed none", n)
	}
	r.history.Events = append(r.history.Events, openingEvent())
	page := parse(t, get(New(config), "/calls/"+callID.String()).Body.String())
	tables := page.find("table", "opening")
	if len(tables) != 1 {
		t.Fatalf("%d openings", len(tables))
	}
	rows := tables[0].find("tr", "")
	if len(rows) != 1+4 {
		t.Fatalf("%d rows", len(rows))
	}
	if got, want := cells(rows[1]), "that an AI speaks|heard from 0:00.0 to 0:02.4|by 0:05.0|“This is an AI calling for Acme <Inc>.”"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if strings.Contains(page.text, "in_due") {
		t.Error("the proof stands among the events as well")
	}
	accessible(t, page, "opening")
}
