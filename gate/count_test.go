package gate

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/compliance"
)

// slowCounts counts how often it is asked, and takes a while.
type slowCounts struct {
	counts

	takes time.Duration
	err   error

	guard sync.Mutex
	asked int
}

func newSlowCounts(takes time.Duration) *slowCounts {
	s := &slowCounts{takes: takes}
	s.count = func(ctx context.Context, _, _ string, from, to time.Time, _ time.Duration) (compliance.Abandonment, error) {
		s.guard.Lock()
		s.asked++
		n, err := s.asked, s.err
		s.guard.Unlock()
		select {
		case <-time.After(s.takes):
		case <-ctx.Done():
			return compliance.Abandonment{}, ctx.Err()
		}

		return compliance.Abandonment{From: from, To: to, Live: n}, err
	}

	return s
}

var roofs = counted{"acme", "roofs", 720 * time.Hour, 2 * time.Second}

func TestCountsAreShared(t *testing.T) {
	t.Parallel()
	const maxAge = 5 * time.Minute
	for name, c := range map[string]struct {
		takes time.Duration
		waits time.Duration // between the first decision and the second
		steps time.Duration // of the clock, on top
		want  int           // how often was counted
	}{
		"at once":                    {time.Millisecond, 0, 0, 1},
		"within a second":            {time.Millisecond, 900 * time.Millisecond, 0, 1},
		"after a second":             {time.Millisecond, 1100 * time.Millisecond, 0, 2},
		"a long one lasts longer":    {time.Second, 90 * time.Second, 0, 1},
		"but not for ever":           {time.Second, 100 * time.Second, 0, 2},
		"nor to the end of its age":  {10 * time.Second, maxAge / 2, 0, 2},
		"the clock goes back":        {time.Millisecond, 0, -time.Hour, 2},
		"the clock goes forward":     {time.Millisecond, 0, time.Hour, 2},
		"other decisions were early": {time.Millisecond, 0, -500 * time.Millisecond, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSlowCounts(c.takes)
				if n, err := s.recent(t.Context(), roofs, time.Now(), maxAge); err != nil || n.Live != 1 || n.To.Sub(n.From) != roofs.window {
					t.Fatal(n, err)
				}
				time.Sleep(c.waits - c.takes)
				n, err := s.recent(t.Context(), roofs, time.Now().Add(c.steps), maxAge)
				if err != nil || n.Live != c.want {
					t.Errorf("%+v, %v", n, err)
				}
			})
		})
	}
}

// While one counts again, the others go on with what they have; while nobody
// has counted yet, all wait for the one.
func TestOneCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlowCounts(time.Second)
		begin := func() (took []time.Duration) {
			var all sync.WaitGroup
			took = make([]time.Duration, 10)
			for i := range took {
				all.Go(func() {
					began := time.Now()
					if _, err := s.recent(t.Context(), roofs, began, 5*time.Minute); err != nil {
						t.Error(err)
					}
					took[i] = time.Since(began)
				})
			}
			all.Wait()

			return took
		}
		for _, took := range begin() {
			if took != time.Second {
				t.Errorf("the first took %s", took)
			}
		}
		time.Sleep(2 * time.Minute)
		waited := 0
		for _, took := range begin() {
			if took > 0 {
				waited++
			}
		}
		if waited != 1 || s.asked != 2 {
			t.Errorf("%d waited, %d counts", waited, s.asked)
		}
	})
}

func TestCountThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlowCounts(time.Second)
		s.err = errors.New("no database")
		if _, err := s.recent(t.Context(), roofs, time.Now(), time.Minute); !errors.Is(err, s.err) {
			t.Error(err)
		}
		bounded, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errors.New("enough"))
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := s.recent(t.Context(), roofs, time.Now(), time.Minute); !errors.Is(err, s.err) {
				t.Error(err)
			}
		})
		synctest.Wait()
		if _, err := s.recent(bounded, roofs, time.Now(), time.Minute); err == nil || err.Error() != "enough" {
			t.Errorf("one that does not wait so long: %v", err)
		}
		all.Wait()
	})
}

// What is asked about an attempt's campaign is what the rules say of it.
func TestAbandonmentIsCountedByTheRules(t *testing.T) {
	t.Parallel()
	packs := append(compliance.DefaultPacks(), "uk")
	rules, err := compliance.Load(packs)
	if err != nil {
		t.Fatal(err)
	}
	type question struct{ window, within time.Duration }
	for name, c := range map[string]struct {
		attempt compliance.Attempt
		want    *question
	}{
		"New York": {compliance.Attempt{To: "+12125550123", Campaign: "roofs"}, &question{720 * time.Hour, 2 * time.Second}},
		"London":   {compliance.Attempt{To: "+442079460123", Campaign: "roofs", Purpose: compliance.Telemarketing}, &question{24 * time.Hour, 2 * time.Second}},
		"a reminder": {
			compliance.Attempt{To: "+12125550123", Campaign: "roofs", Purpose: compliance.Informational}, nil,
		},
		"an unknown campaign": {compliance.Attempt{To: "+12125550123", Campaign: "doors"}, nil},
	} {
		var got *question
		g := &Gate{cfg: Config{Abandoning: rules.AbandoningOf, Campaigns: map[string]compliance.Campaign{"roofs": {ID: "roofs"}}}}
		g.counts.count = func(_ context.Context, _, _ string, from, to time.Time, within time.Duration) (compliance.Abandonment, error) {
			got = &question{to.Sub(from), within}

			return compliance.Abandonment{From: from, To: to}, nil
		}
		c.attempt.At = time.Now()
		f := g.abandonment(t.Context(), &c.attempt, g.counts.now)
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want || f.Known != (c.want != nil) || !f.Known && f.Why == "" {
			t.Errorf("%s: asked %+v, found %+v", name, got, f)
		}
	}
}

// A person is told once when a campaign's calls begin to be abandoned often, and
// again after it was better.
func TestTheAlarmIsToldOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	g := &Gate{alarmed: map[string]bool{}, cfg: Config{Log: slog.New(slog.NewTextHandler(&log, nil))}}
	most := compliance.AbandonmentCap{Alarm: 15, Pause: 25}
	for _, n := range []struct{ live, abandoned, told int }{
		{0, 0, 0}, {1000, 14, 0}, {1000, 15, 1}, {1000, 20, 1}, {1000, 14, 1}, {1000, 16, 2},
	} {
		g.alarm("roofs", compliance.Abandonment{Live: n.live, Abandoned: n.abandoned}, most)
		if got := strings.Count(log.String(), "abandoned often"); got != n.told {
			t.Errorf("%d of %d: told %d times, want %d", n.abandoned, n.live, got, n.told)
		}
	}
}
