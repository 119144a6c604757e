package jobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// ErrNotFound says that there is no such job, or no longer.
var ErrNotFound = errors.New("there is no such job")

// anywhere is the queue of the jobs that every node may do.
const anywhere = river.QueueDefault

// OfNode is the queue of the jobs that only the node of this name can do. The
// name is hashed, since those of nodes may hold what those of queues may not.
func OfNode(node string) string {
	sum := sha256.Sum256([]byte(node))

	return "node-" + hex.EncodeToString(sum[:8])
}

// Outstanding are the states of a job that is not done: with them in a
// river.UniqueOpts there is one at a time, and another when it is done.
func Outstanding() []rivertype.JobState {
	return []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}
}

// Queue asks for jobs and tells of them. It is safe for concurrent use.
type Queue struct{ client *river.Client[pgx.Tx] }

// NewQueue makes a Queue on a database that is migrated.
func NewQueue(pool *pgxpool.Pool) (*Queue, error) {
	c, err := river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}

	return &Queue{c}, nil
}

// Add asks for a job. When one that is unique stands already, it is that one.
func (q *Queue) Add(ctx context.Context, args river.JobArgs) (Job, error) {
	r, err := q.client.Insert(ctx, args, nil)
	if err != nil {
		return Job{}, fmt.Errorf("ask for a job %s: %w", args.Kind(), err)
	}

	return jobOf(r.Job), nil
}

// AddTx is Add in a transaction: the job is done if that is committed.
func (q *Queue) AddTx(ctx context.Context, tx pgx.Tx, args river.JobArgs) (Job, error) {
	r, err := q.client.InsertTx(ctx, tx, args, nil)
	if err != nil {
		return Job{}, fmt.Errorf("ask for a job %s: %w", args.Kind(), err)
	}

	return jobOf(r.Job), nil
}

// Job is what is known of one.
type Job struct {
	ID       int64           `json:"id"`
	Kind     string          `json:"kind"`
	State    string          `json:"state"` // available, running, retryable, completed, discarded, cancelled, scheduled or pending
	Node     string          `json:"node"`  // that tried it last; empty: none has
	Attempt  int             `json:"attempt"`
	Attempts int             `json:"attempts"` // at most
	AskedAt  time.Time       `json:"asked_at"`
	NextAt   time.Time       `json:"next_at"`            // when it is tried, or was
	BeganAt  time.Time       `json:"began_at"`           // of the latest attempt; zero: none
	EndedAt  time.Time       `json:"ended_at"`           // zero: it has not ended for good
	Progress json.RawMessage `json:"progress,omitempty"` // what it showed last
	Failure  string          `json:"failure,omitempty"`  // of the latest attempt that failed
}

func jobOf(r *rivertype.JobRow) Job {
	j := Job{
		ID: r.ID, Kind: r.Kind, State: string(r.State), Attempt: r.Attempt, Attempts: r.MaxAttempts, AskedAt: r.CreatedAt.UTC(),
		NextAt: r.ScheduledAt.UTC(), Progress: r.Output(),
	}
	if r.AttemptedAt != nil {
		j.BeganAt = r.AttemptedAt.UTC()
	}
	if r.FinalizedAt != nil {
		j.EndedAt = r.FinalizedAt.UTC()
	}
	if n := len(r.AttemptedBy); n > 0 {
		j.Node = r.AttemptedBy[n-1]
	}
	if n := len(r.Errors); n > 0 {
		j.Failure = r.Errors[n-1].Error
	}

	return j
}

// List gives the newest jobs of some kinds, or of all, at most so many.
func (q *Queue) List(ctx context.Context, most int, kinds ...string) ([]Job, error) {
	p := river.NewJobListParams().First(most).OrderBy(river.JobListOrderByID, river.SortOrderDesc)
	if len(kinds) > 0 {
		p = p.Kinds(kinds...)
	}
	r, err := q.client.JobList(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	all := make([]Job, len(r.Jobs))
	for i, row := range r.Jobs {
		all[i] = jobOf(row)
	}

	return all, nil
}

// Retry has a job of one of these kinds tried again now, whether it waits for
// that, was given up, or is done.
func (q *Queue) Retry(ctx context.Context, id int64, kinds ...string) (Job, error) {
	row, err := q.client.JobGet(ctx, id)
	if err == nil && len(kinds) > 0 && !slices.Contains(kinds, row.Kind) {
		err = rivertype.ErrNotFound
	}
	if err == nil {
		row, err = q.client.JobRetry(ctx, id)
	}
	switch {
	case errors.Is(err, rivertype.ErrNotFound):
		return Job{}, fmt.Errorf("try job %d again: %w", id, ErrNotFound)
	case err != nil:
		return Job{}, fmt.Errorf("try job %d again: %w", id, err)
	}

	return jobOf(row), nil
}
