package console

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"trunkline/storage"
	"trunkline/storage/cluster/clustertest"
)

// What the journal wrote into PostgreSQL is what the API and the pages show.
func TestRecordsOfPostgreSQL(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	store, err := storage.Open(ctx, clustertest.URL(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	h := New(Config{Reader: store})
	if w := get(h, "/v1/calls"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("before the migration: %d %s", w.Code, w.Body)
	}
	if _, err := store.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	journal := storage.NewJournal(store, storage.Owner{Node: "here", Boot: uuid.New()}, storage.JournalOptions{})
	if err := journal.Start(); err != nil {
		t.Fatal(err)
	}
	history := sample()
	earlier := history.Call
	earlier.ID, earlier.StartedAt = uuid.New(), earlier.StartedAt.Add(-time.Hour)
	journal.Begin(earlier)
	journal.Begin(history.Call)
	for _, turn := range history.Turns {
		journal.Turn(turn)
	}
	for _, event := range history.Events {
		journal.Event(event)
	}
	if lost := journal.Stop(ctx); lost != 0 {
		t.Fatalf("%d rows lost", lost)
	}

	var got, want any
	text, err := json.Marshal(historyToJSON(&history))
	if err != nil {
		t.Fatal(err)
	}
	for target, from := range map[*any][]byte{&want: text, &got: get(h, "/v1/calls/"+callID.String()).Body.Bytes()} {
		if err := json.Unmarshal(from, target); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("call (-want +got):\n%s", diff)
	}
	page := parse(t, get(h, "/calls/"+callID.String()).Body.String())
	if turns, events := page.find("li", "turn"), page.find("table", "events")[0].find("tr", ""); len(turns) != 9 || len(events) != 1+7 {
		t.Errorf("the page has %d turns and %d events", len(turns), len(events)-1)
	}

	var seen []string
	for path := "/v1/calls?limit=1"; path != ""; {
		var list struct {
			Calls []struct {
				ID string `json:"id"`
			} `json:"calls"`
			Next string `json:"next"`
		}
		if err := json.Unmarshal(get(h, path).Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		for _, c := range list.Calls {
			seen = append(seen, c.ID)
		}
		path = ""
		if list.Next != "" {
			path = "/v1/calls?limit=1&cursor=" + list.Next
		}
	}
	if diff := cmp.Diff([]string{callID.String(), earlier.ID.String()}, seen); diff != "" {
		t.Errorf("pages of the list (-want +got):\n%s", diff)
	}
	if w := get(h, "/v1/calls?cursor=nonsense"); w.Code != http.StatusBadRequest {
		t.Errorf("a wrong cursor: %d %s", w.Code, w.Body)
	}
}
