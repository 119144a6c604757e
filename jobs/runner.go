package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// longest is how long one attempt of a job may take. What has not ended then is
// taken to have died with its node, and is tried again.
const longest = time.Hour

// Show makes known how far a job is; what was shown last stays with it.
type Show func(progress any)

// Handler does the jobs of one kind.
type Handler struct {
	add      func(*river.Workers, *Runner) error
	periodic *river.PeriodicJob // nil: only when it is asked for
	kind     string             // of the periodic one
}

// Handle makes a Handler. do must bear to be called again with the same
// arguments, by another node too; it ends soon when its context does. Its error
// has the job tried again, later each time.
func Handle[T river.JobArgs](do func(ctx context.Context, args T, show Show) error) Handler {
	return Handler{add: func(all *river.Workers, r *Runner) error {
		return river.AddWorkerSafely(all, &worker[T]{do: do, runner: r})
	}}
}

// Every has one node do it each time, the first time soon. The arguments' own
// options should keep two from being outstanding.
func (h Handler) Every(pause time.Duration, args river.JobArgs) Handler {
	h.kind = args.Kind()
	h.periodic = river.NewPeriodicJob(river.PeriodicInterval(pause), func() (river.JobArgs, *river.InsertOpts) { return args, nil },
		&river.PeriodicJobOpts{ID: args.Kind(), RunOnStart: true})

	return h
}

// Options set up a Runner.
type Options struct {
	Pool *pgxpool.Pool // of a database that is migrated; four connections are enough
	Node string
	// Poll is how long a job waits at most where the database's notifications do
	// not arrive; 0: a second.
	Poll time.Duration
	Log  *slog.Logger // nil discards
}

// Runner works this node's share of the jobs.
type Runner struct {
	log    *slog.Logger
	client *river.Client[pgx.Tx]
	pool   *pgxpool.Pool
	node   string
	kinds  []string // of those that are done every so often
}

// atOnce bounds the jobs of one queue that run at once on one node.
const atOnce = 2

// NewRunner makes a Runner; nothing runs before Start.
func NewRunner(o Options, handlers ...Handler) (*Runner, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Runner{log: o.Log, pool: o.Pool, node: o.Node}
	workers := river.NewWorkers()
	config := &river.Config{
		ID: o.Node, Workers: workers, Logger: slog.New(grave{o.Log.Handler()}), FetchPollInterval: o.Poll,
		Queues:     map[string]river.QueueConfig{anywhere: {MaxWorkers: atOnce}, OfNode(o.Node): {MaxWorkers: atOnce}},
		JobTimeout: longest, RescueStuckJobsAfter: longest + longest/4,
		// Only the owner of the schema may rebuild indexes, and the gateway is not.
		ReindexerSchedule: river.NeverSchedule(),
		ErrorHandler:      r,
	}
	for _, h := range handlers {
		if err := h.add(workers, r); err != nil {
			return nil, fmt.Errorf("jobs: %w", err)
		}
		if h.periodic != nil {
			config.PeriodicJobs = append(config.PeriodicJobs, h.periodic)
			r.kinds = append(r.kinds, h.kind)
		}
	}
	var err error
	if r.client, err = river.NewClient(riverpgxv5.New(o.Pool), config); err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}

	return r, nil
}

// Start begins to work.
func (r *Runner) Start(ctx context.Context) error {
	for _, kind := range r.kinds {
		if _, err := r.pool.Exec(ctx, expect, kind); err != nil {
			return fmt.Errorf("start the jobs: %w", err)
		}
	}
	if err := r.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the jobs: %w", err)
	}

	return nil
}

// giveUp is how long a job has to end whose context has ended.
const giveUp = 2 * time.Second

// Stop begins no further jobs, waits for those that run until ctx ends, and then
// ends them: they are tried again, here or by another node.
func (r *Runner) Stop(ctx context.Context) error {
	err := r.client.Stop(ctx)
	if err == nil || ctx.Err() == nil {
		return err
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUp)
	defer cancel()
	if err := r.client.StopAndCancel(last); err != nil {
		return fmt.Errorf("stop the jobs: %w", err)
	}

	return nil
}

// HandleError implements river.ErrorHandler.
func (r *Runner) HandleError(_ context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	if job.Attempt >= job.MaxAttempts {
		r.log.Error("a job failed and is given up", slog.Int64("job", job.ID), slog.String("kind", job.Kind), slog.Any("error", err))
	} else {
		r.log.Warn("a job failed and is tried again", slog.Int64("job", job.ID), slog.String("kind", job.Kind),
			slog.Int("attempt", job.Attempt), slog.Any("error", err))
	}

	return nil
}

// HandlePanic implements river.ErrorHandler.
func (r *Runner) HandlePanic(_ context.Context, job *rivertype.JobRow, panicked any, trace string) *river.ErrorHandlerResult {
	r.log.Error("a job failed by a fault in the program", slog.Int64("job", job.ID), slog.String("kind", job.Kind),
		slog.Any("panic", panicked), slog.String("trace", trace))

	return nil
}

// worker is a Handler as River knows it.
type worker[T river.JobArgs] struct {
	river.WorkerDefaults[T]

	do     func(context.Context, T, Show) error
	runner *Runner
}

// Work implements river.Worker.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	began := time.Now()
	var shown any
	failed := w.do(ctx, job.Args, func(progress any) {
		shown = progress
		err := river.RecordOutput(ctx, progress) // which stays when it ends
		if err == nil {
			_, err = w.runner.client.JobUpdate(ctx, job.ID, &river.JobUpdateParams{Output: progress}) // which is seen now
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			w.runner.log.Warn("a job's progress is not shown", slog.Int64("job", job.ID), slog.Any("error", err))
		}
	})
	// The job may have been ended, and how it ended is to be known all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUp)
	defer cancel()
	if err := w.runner.ended(ctx, job.Kind, began, shown, failed); err != nil {
		w.runner.log.Warn("how a job ended is not shown", slog.Int64("job", job.ID), slog.Any("error", err))
	}

	return failed
}

// grave passes on what River says is wrong; how it is doing it tells often.
type grave struct{ slog.Handler }

// Enabled implements slog.Handler.
func (g grave) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && g.Handler.Enabled(ctx, l)
}

// WithAttrs implements slog.Handler.
func (g grave) WithAttrs(attrs []slog.Attr) slog.Handler { return grave{g.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (g grave) WithGroup(name string) slog.Handler { return grave{g.Handler.WithGroup(name)} }
