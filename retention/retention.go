package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"trunkline/jobs"
	"trunkline/privacy"
	"trunkline/storage/evidence"
)

// The kinds of the jobs.
const (
	kindRetention = "retention"
	kindErasure   = "erasure"
	kindPurge     = "purge"
	kindRecheck   = "recheck"
)

// Kinds are all of them.
func Kinds() []string { return []string{kindRetention, kindErasure, kindPurge, kindRecheck} }

// one is that a second job with the same arguments is the first, while that is
// not done.
func one() river.UniqueOpts { return river.UniqueOpts{ByArgs: true, ByState: jobs.Outstanding()} }

// Retention asks for a run of the retention.
type Retention struct {
	Tenant string `json:"tenant"`
}

// Kind implements river.JobArgs.
func (Retention) Kind() string { return kindRetention }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (Retention) InsertOpts() river.InsertOpts { return river.InsertOpts{UniqueOpts: one()} }

// Erasure asks to erase what is kept of a number's owner. The number is sealed.
type Erasure struct {
	Tenant string    `json:"tenant"`
	ID     uuid.UUID `json:"id"`
	Sealed []byte    `json:"sealed"`
}

// Erasure seals a number.
func (w *Work) Erasure(number privacy.Number) Erasure {
	id := uuid.New()

	return Erasure{w.Tenant, id, w.Keys.Seal([]byte(number), id)}
}

// Kind implements river.JobArgs.
func (Erasure) Kind() string { return kindErasure }

// Purge asks a node to destroy the files that are due.
type Purge struct {
	Tenant string `json:"tenant"`
	Node   string `json:"node"`
}

// Kind implements river.JobArgs.
func (Purge) Kind() string { return kindPurge }

// InsertOpts implements river.JobArgsWithInsertOpts.
func (p Purge) InsertOpts() river.InsertOpts {
	return river.InsertOpts{Queue: jobs.OfNode(p.Node), UniqueOpts: one()}
}

// Recheck asks to check the chain of a tenant.
type Recheck struct {
	Tenant string `json:"tenant"`
}

// Kind implements river.JobArgs.
func (Recheck) Kind() string { return kindRecheck }

// InsertOpts implements river.JobArgsWithInsertOpts. A chain that is broken
// stays so: it is told with a few attempts, and with each run after them.
func (Recheck) InsertOpts() river.InsertOpts {
	const attempts = 3

	return river.InsertOpts{UniqueOpts: one(), MaxAttempts: attempts}
}

// Work is what the jobs work with.
type Work struct {
	Ledger *evidence.Ledger
	Keys   *evidence.Keys
	Jobs   *jobs.Queue
	Tenant string
	Node   string // this one
	Limits evidence.Limits
	// Destroy erases a recording for good: its key, its file. It is no error
	// that it is gone already.
	Destroy func(file string) error
	Log     *slog.Logger
}

// Periods are how often the jobs of a kind are done. The retention is where
// anything is limited, and the recheck, every so often; 0: only when they are
// asked for.
func (w *Work) Periods(every, recheck time.Duration) map[string]time.Duration {
	if w.Limits == (evidence.Limits{}) {
		every = 0
	}

	return map[string]time.Duration{kindRetention: every, kindRecheck: recheck}
}

// Handlers do the jobs, some of them once in a period.
func (w *Work) Handlers(periods map[string]time.Duration) []jobs.Handler {
	expire, check := jobs.Handle(w.expire), jobs.Handle(w.check)
	if every := periods[kindRetention]; every != 0 {
		expire = expire.Every(every, Retention{w.Tenant})
	}
	if recheck := periods[kindRecheck]; recheck != 0 {
		check = check.Every(recheck, Recheck{w.Tenant})
	}

	return []jobs.Handler{expire, check, jobs.Handle(w.erase), jobs.Handle(w.purge)}
}

// Args are those of a job that needs nothing told but its kind; false for another.
func (w *Work) Args(kind string) (river.JobArgs, bool) {
	switch kind {
	case kindRetention:
		return Retention{w.Tenant}, true
	case kindPurge:
		return Purge{w.Tenant, w.Node}, true
	case kindRecheck:
		return Recheck{w.Tenant}, true
	default:
		return nil, false
	}
}

// Progress is what a retention or an erasure shows of itself.
type Progress struct {
	Would evidence.Removal `json:"would_remove"` // counted first
	Done  evidence.Removal `json:"removed"`
}

func (w *Work) expire(ctx context.Context, args Retention, show jobs.Show) error {
	var p Progress
	var err error
	now := time.Now()
	p.Would, err = w.Ledger.Expire(ctx, args.Tenant, w.Limits, now, evidence.Removing{Dry: true})
	if err != nil {
		return err
	}
	show(p)
	p.Done, err = w.Expire(ctx, now, false, func(r evidence.Removal) {
		p.Done = r
		show(p)
	})
	if err != nil {
		return err
	}
	show(p)
	w.Log.Info("removed what is not kept any longer", slog.Int64("turns", p.Done.Turns), slog.Int64("events", p.Done.Events),
		slog.Int64("numbers", p.Done.Numbers), slog.Int64("recordings", p.Done.Recordings), slog.Int64("held", p.Done.Held))

	return nil
}

// Expire removes what is older than the limits, and asks the nodes for their
// purges; with dry it only counts.
func (w *Work) Expire(ctx context.Context, now time.Time, dry bool, told func(evidence.Removal)) (evidence.Removal, error) {
	return w.Ledger.Expire(ctx, w.Tenant, w.Limits, now, evidence.Removing{Dry: dry, Purge: w.askPurges, Told: told})
}

// askPurges asks nodes to destroy files.
func (w *Work) askPurges(ctx context.Context, tx pgx.Tx, nodes []string) error {
	for _, node := range nodes {
		if _, err := w.Jobs.AddTx(ctx, tx, Purge{w.Tenant, node}); err != nil {
			return err
		}
	}

	return nil
}

func (w *Work) erase(ctx context.Context, args Erasure, show jobs.Show) error {
	number, err := w.Keys.Open(args.Sealed, args.ID)
	if err != nil {
		return err
	}
	done, err := w.Erase(ctx, privacy.Number(number), false)
	show(Progress{Done: done})

	return err
}

// Erase removes what is kept of a number's owner, and asks the nodes for their
// purges; with dry it only counts.
func (w *Work) Erase(ctx context.Context, number privacy.Number, dry bool) (evidence.Removal, error) {
	return w.Ledger.Erase(ctx, w.Tenant, number, evidence.Removing{Dry: dry, Purge: w.askPurges})
}

// Purged is what a purge shows of itself.
type Purged struct {
	Destroyed int `json:"destroyed"`
	Failed    int `json:"failed"` // that are tried again
}

func (w *Work) purge(ctx context.Context, args Purge, show jobs.Show) error {
	if args.Node != w.Node {
		return fmt.Errorf("the files are on node %q, and this is %q", args.Node, w.Node)
	}
	p, err := w.Purge(ctx, func(p Purged) { show(p) })
	show(p)

	return err
}

// Purge destroys the files of this node that are due. One that fails holds up
// none of the others, and is due again.
func (w *Work) Purge(ctx context.Context, told func(Purged)) (Purged, error) {
	var p Purged
	for {
		before := p.Destroyed
		p.Failed = 0
		if err := w.pass(ctx, &p, told); err != nil || p.Destroyed == before {
			return p, err
		}
	}
}

// shownFailures bounds the error of a purge.
const shownFailures = 5

// pass goes through what is due once. More may become due behind it.
func (w *Work) pass(ctx context.Context, p *Purged, told func(Purged)) error {
	var errs []error
	var after uuid.UUID
	for {
		due, last, err := w.Ledger.DueRecordings(ctx, w.Tenant, w.Node, after)
		if err != nil || last == uuid.Nil {
			return errors.Join(append(errs, err)...)
		}
		for _, f := range due {
			err := w.Destroy(f.File)
			if err == nil {
				err = w.Ledger.Erased(ctx, f.Call)
			}
			switch {
			case err == nil:
				p.Destroyed++
			case p.Failed < shownFailures:
				errs = append(errs, fmt.Errorf("the recording of call %s: %w", f.Call, err))

				fallthrough
			default:
				p.Failed++
			}
		}
		told(*p)
		after = last
	}
}

func (w *Work) check(ctx context.Context, args Recheck, show jobs.Show) error {
	head, err := w.Ledger.Recheck(ctx, args.Tenant, func(entries int64) { show(evidence.Head{Tenant: args.Tenant, Entries: entries}) })
	if broken, ok := errors.AsType[*evidence.BrokenError](err); ok {
		w.Log.Error("the evidence was tampered with", slog.String("tenant", broken.Tenant), slog.Int64("entry", broken.Seq))
	}
	if err != nil {
		return err
	}
	show(head)

	return nil
}
