package console

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"trunkline/access"
	"trunkline/jobs"
)

func TestJobsPage(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Second)
	d := &desk{standings: []jobs.Standing{
		{
			Kind: "retention", Every: 24 * time.Hour, Since: now.AddDate(0, -1, 0), BeganAt: now.Add(-time.Hour), EndedAt: now.Add(-time.Hour + 2*time.Second),
			DoneAt: now.Add(-time.Hour + 2*time.Second), Node: "north", Runs: 30, Failures: 1,
			Progress: json.RawMessage(`{"removed":{"turns":41,"nodes":["north"]},"would_remove":{"turns":42}}`),
		},
		{Kind: "erasure", Since: now},
		{Kind: "purge", Since: now, EndedAt: now, BeganAt: now, Failure: "disk <full>", Runs: 3, Failures: 3, Waiting: 1, NextAt: now.Add(time.Minute)},
		{Kind: "recheck", Every: 24 * time.Hour, Since: now.AddDate(0, 0, -3), EndedAt: now.Add(-49 * time.Hour), DoneAt: now.Add(-49 * time.Hour)},
	}}
	h := New(Config{Jobs: d})
	page := parse(t, get(h, "/jobs").Body.String())
	accessible(t, page, "standings", "jobs")
	rows := page.find("table", "standings")[0].find("tr", "")[1:]
	if len(rows) != 4 {
		t.Fatalf("%d kinds", len(rows))
	}
	for i, want := range [][]string{
		{"retention removes what is not kept any longer|the latest attempt succeeded|24h0m0s|", "took 2000 ms on north", "|0|30|1|", "would remove: turns 42, removed: turns 41"},
		{"erasure", "has not run yet|when asked for|–|–|–|0|0|0|–"},
		{"purge", "the latest attempt failed", "|1|3|3|", "disk <full>"},
		{"recheck", "has not succeeded for two periods"},
	} {
		for _, w := range want {
			if got := cells(rows[i]); !strings.Contains(got, w) {
				t.Errorf("%q lacks %q", got, w)
			}
		}
	}
	latest := page.find("table", "jobs")[0].find("tr", "")
	if len(latest) != 2 || !strings.Contains(cells(latest[1]), "retryable") || !strings.Contains(cells(latest[1]), "destroyed 3 no space") {
		t.Errorf("the latest: %q", cells(latest[len(latest)-1]))
	}
	if w := get(New(Config{}), "/jobs"); w.Code != 404 {
		t.Errorf("where there are no jobs: %d", w.Code)
	}
	keyedHandler, keys := keyed(t, Config{Jobs: d})
	for role, want := range map[access.Role]int{access.Viewer: 403, access.Operator: 403, access.Compliance: 200, access.Admin: 200} {
		if w := get(keyedHandler, "/jobs", "Authorization", "Bearer "+keys[role]); w.Code != want {
			t.Errorf("%s: %d, want %d", role, w.Code, want)
		}
	}
}
