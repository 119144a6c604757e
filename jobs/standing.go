package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Standing is how the jobs of one kind do, on all nodes together.
type Standing struct {
	Kind     string          `json:"kind"`
	Every    time.Duration   `json:"every_ns,omitempty"` // 0: only when they are asked for
	Since    time.Time       `json:"since"`              // from when on this is known; zero: nothing is
	BeganAt  time.Time       `json:"began_at"`           // of the latest attempt; zero: none was made
	EndedAt  time.Time       `json:"ended_at"`
	DoneAt   time.Time       `json:"done_at"` // of the latest that succeeded; zero: none did
	Node     string          `json:"node"`    // of the latest attempt
	Progress json.RawMessage `json:"progress,omitempty"`
	Failure  string          `json:"failure,omitempty"` // of the latest attempt; empty: it succeeded
	Runs     int64           `json:"runs"`              // attempts
	Failures int64           `json:"failures"`
	NextAt   time.Time       `json:"next_at"` // of the one that waits or runs; zero: none does
	Waiting  int             `json:"waiting"` // not done, those that run included
}

// overduePeriods is how many periods may go by without a success.
const overduePeriods = 2

// Overdue says whether jobs that are to be done every so often have not been
// for two periods.
func (s *Standing) Overdue(now time.Time) bool {
	last := s.DoneAt
	if last.Before(s.Since) {
		last = s.Since
	}

	return s.Every > 0 && !last.IsZero() && now.Sub(last) > overduePeriods*s.Every
}

// selectStandings asks how jobs of the kinds $1 do, and what of them is not
// done in the queue.
const selectStandings = `SELECT k.kind, r.since, r.began_at, r.ended_at, r.done_at, coalesce(r.node, ''), r.progress, coalesce(r.failure, ''),
		coalesce(r.runs, 0), coalesce(r.failures, 0), j.next_at, coalesce(j.waiting, 0)
	FROM unnest($1::text[]) WITH ORDINALITY AS k (kind, n) LEFT JOIN job_runs r ON r.kind = k.kind
	LEFT JOIN (SELECT kind, min(scheduled_at) AS next_at, count(*) AS waiting FROM river_job WHERE finalized_at IS NULL GROUP BY kind) j ON j.kind = k.kind
	ORDER BY k.n`

// Standings tells how the jobs of some kinds do, in their order. every has the
// periods of those that have one.
func Standings(ctx context.Context, pool *pgxpool.Pool, kinds []string, every map[string]time.Duration) ([]Standing, error) {
	rows, err := pool.Query(ctx, selectStandings, kinds)
	if err != nil {
		return nil, fmt.Errorf("look how the jobs do: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Standing, error) {
		var s Standing
		var since, began, ended, done, next *time.Time
		err := row.Scan(&s.Kind, &since, &began, &ended, &done, &s.Node, &s.Progress, &s.Failure, &s.Runs, &s.Failures, &next, &s.Waiting)
		for to, from := range map[*time.Time]*time.Time{&s.Since: since, &s.BeganAt: began, &s.EndedAt: ended, &s.DoneAt: done, &s.NextAt: next} {
			if from != nil {
				*to = from.UTC()
			}
		}
		s.Every = every[s.Kind]

		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("look how the jobs do: %w", err)
	}

	return all, nil
}

// expect notes that jobs of a kind are to be done, so that it shows when they
// never are.
const expect = `INSERT INTO job_runs (kind) VALUES ($1) ON CONFLICT (kind) DO NOTHING`

// upsertRun notes an attempt. Of two at once the one that ends last stands.
const upsertRun = `INSERT INTO job_runs AS r (kind, began_at, ended_at, done_at, node, progress, failure, runs, failures)
	VALUES ($1, $2, $3, CASE WHEN $6::text = '' THEN $3::timestamptz END, $4, $5, $6, 1, CASE WHEN $6 = '' THEN 0 ELSE 1 END)
	ON CONFLICT (kind) DO UPDATE SET began_at = excluded.began_at, ended_at = excluded.ended_at, done_at = coalesce(excluded.done_at, r.done_at),
		node = excluded.node, progress = excluded.progress, failure = excluded.failure, runs = r.runs + 1, failures = r.failures + excluded.failures`

// ended notes an attempt that has ended.
func (r *Runner) ended(ctx context.Context, kind string, began time.Time, progress any, failed error) error {
	failure := ""
	if failed != nil {
		failure = failed.Error()
	}
	var shown []byte // nil: nothing
	if progress != nil {
		var err error
		if shown, err = json.Marshal(progress); err != nil {
			return err
		}
	}
	_, err := r.pool.Exec(ctx, upsertRun, kind, began.UTC(), time.Now().UTC(), r.node, shown, failure)

	return err
}
