package jobs

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestOverdue(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 18, 17, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for name, tt := range map[string]struct {
		s    Standing
		want bool
	}{
		"done a period ago":           {Standing{Every: day, Since: now.AddDate(-1, 0, 0), DoneAt: now.Add(-day)}, false},
		"done two periods ago":        {Standing{Every: day, Since: now.AddDate(-1, 0, 0), DoneAt: now.Add(-2 * day)}, false},
		"done longer ago":             {Standing{Every: day, Since: now.AddDate(-1, 0, 0), DoneAt: now.Add(-2*day - time.Second)}, true},
		"never done, and new":         {Standing{Every: day, Since: now.Add(-day)}, false},
		"never done":                  {Standing{Every: day, Since: now.Add(-3 * day)}, true},
		"tried, and failed each time": {Standing{Every: day, Since: now.Add(-3 * day), EndedAt: now, Failure: "x"}, true},
		"only when asked for":         {Standing{Since: now.AddDate(-1, 0, 0)}, false},
		"nothing is known":            {Standing{Every: day}, false},
	} {
		if got := tt.s.Overdue(now); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// How jobs did is known after the queue has forgotten them: what the last one
// showed, what failed, and how often.
func TestStandings(t *testing.T) {
	t.Parallel()
	o := setup(t)
	fail := make(chan error, 10)
	o.run(t, "north", Handle(func(_ context.Context, e errand, show Show) error {
		show(map[string]string{"at": e.To})

		return <-fail
	}).Every(time.Hour, errand{"mill"}))
	look := func() Standing {
		t.Helper()
		all, err := Standings(t.Context(), o.pool, []string{"errand", "nothing"}, map[string]time.Duration{"errand": time.Hour})
		if err != nil || len(all) != 2 || all[0].Kind != "errand" || all[1].Kind != "nothing" || !all[1].Since.IsZero() {
			t.Fatalf("%+v, %v", all, err)
		}

		return all[0]
	}
	o.until(t, "the periodic one runs", "errand", func(j Job) bool { return j.State == "running" })
	if s := look(); s.Since.IsZero() || s.Runs != 0 || s.Waiting != 1 || s.NextAt.IsZero() || s.Every != time.Hour {
		t.Errorf("before any has ended: %+v", s)
	}
	fail <- errors.New("no road")
	var failed Standing
	o.until(t, "a failure is noted", "errand", func(Job) bool { failed = look(); return failed.Runs == 1 })
	if failed.Failure != "no road" || failed.Failures != 1 || failed.Node != "north" || !failed.DoneAt.IsZero() || failed.EndedAt.Before(failed.BeganAt) ||
		!strings.Contains(string(failed.Progress), "mill") {
		t.Errorf("after a failure: %+v", failed)
	}
	fail <- nil
	var done Standing
	o.until(t, "a success is noted", "errand", func(Job) bool { done = look(); return done.Runs == 2 })
	if done.Failure != "" || done.Failures != 1 || done.DoneAt.IsZero() || done.DoneAt != done.EndedAt {
		t.Errorf("after a success: %+v", done)
	}
}

// Metrics tell what is overdue also while nobody can look, and do not look at
// every scrape.
func TestMetrics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks, away := 0, error(nil)
		began := time.Now()
		m := NewMetrics(func(context.Context) ([]Standing, error) {
			looks++

			return []Standing{{Kind: "retention", Every: time.Hour, Since: began, DoneAt: began, Runs: 5, Failures: 2}, {Kind: "erasure"}}, away
		})
		registry := prometheus.NewPedanticRegistry()
		if err := registry.Register(m); err != nil {
			t.Fatal(err)
		}
		want := func(retention float64) {
			t.Helper()
			families, err := registry.Gather()
			if err != nil || len(families) != 4 {
				t.Fatalf("%d families, %v", len(families), err)
			}
			for _, f := range families {
				if f.GetName() != "trunkline_job_overdue" {
					continue
				}
				of := f.GetMetric() // by kind
				if erasure, r := of[0].GetGauge().GetValue(), of[1].GetGauge().GetValue(); erasure != 0 || r != retention {
					t.Errorf("overdue: erasure %g, retention %g; want 0 and %g", erasure, r, retention)
				}
			}
		}
		want(0)
		want(0)
		if looks != 1 {
			t.Errorf("%d looks for two scrapes at once", looks)
		}
		away = errors.New("the database is away")
		time.Sleep(2*time.Hour + time.Second)
		want(1)
		if looks != 2 {
			t.Errorf("%d looks", looks)
		}
	})
}
