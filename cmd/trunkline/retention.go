package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"trunkline/console"
	"trunkline/jobs"
	"trunkline/media/record"
	"trunkline/media/record/seal"
	"trunkline/privacy"
	"trunkline/retention"
	"trunkline/storage/evidence"
)

// retentionCmd removes what is not to be kept any longer.
type retentionCmd struct {
	Run   retentionRunCmd   `cmd:"" help:"Remove what is older than compliance.retention allows, now."`
	Jobs  retentionJobsCmd  `cmd:"" help:"Show what the gateways removed, erased and checked, and what failed."`
	Ask   retentionAskCmd   `cmd:"" help:"Have a gateway do a job soon."`
	Retry retentionRetryCmd `cmd:"" help:"Have a job that failed tried again now."`
}

type retentionRunCmd struct {
	DryRun bool `help:"Only count what would be removed."`
}

func (r *retentionRunCmd) Run(ctx context.Context, c *cli, std *streams) error {
	return c.withRetention(ctx, std, "retention run", dry(r.DryRun), func(_ *gateway, w *retention.Work) error {
		gone, err := w.Expire(ctx, time.Now(), r.DryRun, func(so evidence.Removal) {
			fmt.Fprintf(std.err, "\r%d turns, %d events, %d recordings", so.Turns, so.Events, so.Recordings)
		})
		fmt.Fprintln(std.err)
		if err != nil {
			return err
		}

		return removed(ctx, w, &gone, r.DryRun, std)
	})
}

func dry(run bool) string {
	if run {
		return "dry run"
	}

	return ""
}

// withRetention runs do with what removes and erases, and records what it did.
func (c *cli) withRetention(ctx context.Context, std *streams, act, object string, do func(*gateway, *retention.Work) error) error {
	return c.withLedger(ctx, std, act, object, func(g *gateway) error {
		w, err := g.retention()
		if err != nil {
			return err
		}

		return do(g, w)
	})
}

// retention is what the jobs of this gateway's node do.
func (g *gateway) retention() (*retention.Work, error) {
	q, err := jobs.NewQueue(g.store.Pool())
	if err != nil {
		return nil, err
	}
	r := &g.cfg.Compliance.Retention

	return &retention.Work{
		Ledger: g.ledger, Keys: g.evidenceKeys, Jobs: q, Tenant: g.cfg.Compliance.Tenant, Node: g.cfg.Node,
		Limits:  evidence.Limits{Recordings: r.Recordings, Transcripts: r.Transcripts, Calls: r.Calls},
		Destroy: g.destroyRecording, Log: g.log,
	}, nil
}

// removed destroys this node's files of a removal, unless it was dry, and tells
// of it.
func removed(ctx context.Context, w *retention.Work, gone *evidence.Removal, dry bool, std *streams) error {
	verb := "removed"
	if dry {
		verb = "would remove"
	}
	fmt.Fprintf(std.out, "%s %d turns, %d events, the numbers of %d calls, %d callbacks and %d recordings; legal holds keep %d calls\n",
		verb, gone.Turns, gone.Events, gone.Numbers, gone.Callbacks, gone.Recordings, gone.Held)
	if dry {
		return nil
	}
	p, err := w.Purge(ctx, func(retention.Purged) {})
	if p.Destroyed > 0 || p.Failed > 0 {
		fmt.Fprintf(std.out, "destroyed the files of %d recordings on this node; %d failed\n", p.Destroyed, p.Failed)
	}
	for _, node := range gone.Nodes {
		if node != w.Node {
			fmt.Fprintf(std.out, "node %s destroys its files when its gateway runs: trunkline retention jobs\n", node)
		}
	}

	return err
}

// destroyRecording destroys the key of a recording, and its file.
func (g *gateway) destroyRecording(file string) error {
	path := filepath.Join(g.cfg.RecordingDir(), filepath.Base(file))
	if err := seal.Destroy(record.KeyPath(path)); err != nil {
		return err
	}

	return removeFile(path, true)
}

type retentionJobsCmd struct {
	Kind string `help:"Of one kind: retention, erasure, purge or recheck." placeholder:"KIND"`
	Most int    `default:"20" help:"How many, the newest first; ${default}, if not given." placeholder:"N"`
	JSON bool   `help:"Print JSON." name:"json"`
}

func (r *retentionJobsCmd) Run(ctx context.Context, c *cli, std *streams) error {
	if r.Kind != "" && !slices.Contains(retention.Kinds(), r.Kind) {
		return usageError(fmt.Sprintf("--kind %q is not known; use %s", r.Kind, strings.Join(retention.Kinds(), ", ")))
	}
	if r.Most < 1 {
		return usageError("--most must be at least 1")
	}

	return c.withRetention(ctx, std, "", "", func(_ *gateway, w *retention.Work) error {
		kinds := retention.Kinds()
		if r.Kind != "" {
			kinds = []string{r.Kind}
		}
		all, err := w.Jobs.List(ctx, r.Most, kinds...)
		if err != nil {
			return err
		}
		if r.JSON {
			enc := json.NewEncoder(std.out)
			enc.SetIndent("", "  ")

			return enc.Encode(all)
		}

		return printJobs(std.out, all)
	})
}

func printJobs(out io.Writer, all []jobs.Job) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "JOB\tKIND\tSTATE\tTRIES\tNODE\tASKED\tNEXT OR ENDED\tPROGRESS\tLAST FAILURE")
	for i := range all {
		j := &all[i]
		at := j.NextAt
		if !j.EndedAt.IsZero() {
			at = j.EndedAt
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%d of %d\t%s\t%s\t%s\t%s\t%s\n", j.ID, j.Kind, j.State, j.Attempt, j.Attempts, j.Node,
			j.AskedAt.Format(time.RFC3339), at.Format(time.RFC3339), j.Progress, strings.ReplaceAll(j.Failure, "\n", "; "))
	}

	return table.Flush()
}

type retentionAskCmd struct {
	Kind string `arg:"" enum:"retention,purge,recheck" help:"retention, purge (of this node) or recheck."`
}

func (r *retentionAskCmd) Run(ctx context.Context, c *cli, std *streams) error {
	return c.withRetention(ctx, std, "retention ask", r.Kind, func(_ *gateway, w *retention.Work) error {
		return tellJob(std)(askJob(ctx, w, r.Kind))
	})
}

// askJob asks for a job that needs nothing told but its kind.
func askJob(ctx context.Context, w *retention.Work, kind string) (jobs.Job, error) {
	args, ok := w.Args(kind)
	if !ok {
		return jobs.Job{}, fmt.Errorf("%q: %w", kind, console.ErrNoKind)
	}

	return w.Jobs.Add(ctx, args)
}

func tellJob(std *streams) func(jobs.Job, error) error {
	return func(j jobs.Job, err error) error {
		if err == nil {
			fmt.Fprintf(std.out, "job %d, %s, is %s; follow it with: trunkline retention jobs\n", j.ID, j.Kind, j.State)
		}

		return err
	}
}

type retentionRetryCmd struct {
	Job int64 `arg:"" help:"Number of the job."`
}

func (r *retentionRetryCmd) Run(ctx context.Context, c *cli, std *streams) error {
	return c.withRetention(ctx, std, "retention retry", strconv.FormatInt(r.Job, 10), func(_ *gateway, w *retention.Work) error {
		return tellJob(std)(w.Jobs.Retry(ctx, r.Job, retention.Kinds()...))
	})
}

// jobsConnections are what the jobs may take of the database: one hears
// notifications, two jobs work, and River keeps its house.
const jobsConnections = 4

// startJobs begins to do this node's share of them.
func (g *gateway) startJobs(ctx context.Context) error {
	w, err := g.retention()
	if err != nil {
		return err
	}
	pool, err := g.store.NewPool(jobsConnections, nil)
	if err != nil {
		return err
	}
	g.onStop("the jobs' connections", partStop, func(context.Context) error {
		pool.Close()

		return nil
	})
	periods := w.Periods(g.cfg.Compliance.Retention.Every, g.cfg.Compliance.Recheck)
	handlers := w.Handlers(periods)
	r, err := jobs.NewRunner(jobs.Options{Pool: pool, Node: g.cfg.Node, Log: g.log}, handlers...)
	if err != nil {
		return err
	}
	if err := r.Start(ctx); err != nil {
		return err
	}
	g.kept, g.periods = w, periods
	if err := g.registry.Register(jobs.NewMetrics(jobsAPI{g}.Standings)); err != nil {
		return err
	}
	g.onStop("the jobs", partStop, r.Stop)

	return nil
}

// jobsAPI is the gateway's jobs as console.Jobs.
type jobsAPI struct{ *gateway }

func (j jobsAPI) List(ctx context.Context, kind string, most int) ([]jobs.Job, error) {
	if kind == "" {
		return j.kept.Jobs.List(ctx, most, retention.Kinds()...)
	}

	return j.kept.Jobs.List(ctx, most, kind)
}

func (j jobsAPI) Standings(ctx context.Context) ([]jobs.Standing, error) {
	return jobs.Standings(ctx, j.store.Pool(), retention.Kinds(), j.periods)
}

func (j jobsAPI) Ask(ctx context.Context, kind string) (jobs.Job, error) {
	return askJob(ctx, j.kept, kind)
}

func (j jobsAPI) Erase(ctx context.Context, number privacy.Number) (jobs.Job, error) {
	return j.kept.Jobs.Add(ctx, j.kept.Erasure(number))
}

func (j jobsAPI) Retry(ctx context.Context, id int64) (jobs.Job, error) {
	return j.kept.Jobs.Retry(ctx, id, retention.Kinds()...)
}

// subjectCmd answers the requests of a person about their data.
type subjectCmd struct {
	Export subjectExportCmd `cmd:"" help:"Write all that is kept of a number's owner, as JSON lines."`
	Erase  subjectEraseCmd  `cmd:"" help:"Remove what is kept of a number's owner, but for the evidence. They stay suppressed."`
	Hold   subjectHoldCmd   `cmd:"" help:"Keep a number's calls, or one call, whatever the limits, until released."`
	Free   subjectFreeCmd   `cmd:"" help:"Release what was held."`
}

type subjectExportCmd struct {
	Number e164   `arg:"" help:"Telephone number, as +12125550123."`
	Out    string `short:"o" default:"-" help:"Where to; - is standard output." placeholder:"FILE"`
}

func (s *subjectExportCmd) Run(ctx context.Context, c *cli, std *streams) error {
	out, err := target(s.Out, std)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	err = c.withLedger(ctx, std, "subject export", "", func(g *gateway) error {
		return g.ledger.EachRecord(ctx, g.cfg.Compliance.Tenant, s.Number.is(), func(kind string, v any) error {
			return enc.Encode(map[string]any{kind: v})
		})
	})

	return errors.Join(err, out.Close())
}

type subjectEraseCmd struct {
	Number e164 `arg:"" help:"Telephone number, as +12125550123."`
	DryRun bool `help:"Only count what would be removed."`
}

func (s *subjectEraseCmd) Run(ctx context.Context, c *cli, std *streams) error {
	return c.withRetention(ctx, std, "subject erase", dry(s.DryRun), func(_ *gateway, w *retention.Work) error {
		gone, err := w.Erase(ctx, s.Number.is(), s.DryRun)
		if err != nil {
			return err
		}

		return removed(ctx, w, &gone, s.DryRun, std)
	})
}

type subjectHoldCmd struct {
	Number e164      `arg:"" optional:"" help:"Telephone number, as +12125550123."`
	Call   uuid.UUID `help:"One call, instead of a number's." placeholder:"ID"`
	Matter string    `required:"" help:"What it is kept for." placeholder:"WORDS"`
}

func (s *subjectHoldCmd) Run(ctx context.Context, c *cli, std *streams) error {
	if (s.Number == "") == (s.Call == uuid.Nil) {
		return usageError("give a number or --call, and not both")
	}

	return c.withLedger(ctx, std, "subject hold", s.Matter, func(g *gateway) error {
		id, err := g.ledger.Hold(ctx, g.cfg.Compliance.Tenant, s.Call, s.Number.is(), s.Matter)
		if err == nil {
			fmt.Fprintf(std.out, "held; release it with: trunkline subject free %s\n", id)
		}

		return err
	})
}

type subjectFreeCmd struct {
	Hold uuid.UUID `arg:"" help:"Id of the hold."`
}

func (s *subjectFreeCmd) Run(ctx context.Context, c *cli, std *streams) error {
	return c.withLedger(ctx, std, "subject free", s.Hold.String(), func(g *gateway) error {
		err := g.ledger.Release(ctx, g.cfg.Compliance.Tenant, s.Hold)
		if err == nil {
			fmt.Fprintf(std.out, "hold %s is released\n", s.Hold)
		}

		return err
	})
}
