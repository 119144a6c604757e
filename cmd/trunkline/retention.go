package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"trunkline/config"
	"trunkline/media/record"
	"trunkline/media/record/seal"
	"trunkline/privacy"
	"trunkline/storage/evidence"
)

// retentionCmd removes what is not to be kept any longer.
type retentionCmd struct {
	Run retentionRunCmd `cmd:"" help:"Remove what is older than compliance.retention allows."`
}

type retentionRunCmd struct {
	DryRun bool `help:"Only count what would be removed."`
}

func (r *retentionRunCmd) Run(ctx context.Context, c *cli, std *streams) error {
	return c.withLedger(ctx, std, "retention run", dry(r.DryRun), func(g *gateway) error {
		gone, err := g.ledger.Expire(ctx, g.cfg.Compliance.Tenant, limits(&g.cfg.Compliance.Retention), time.Now(), r.DryRun)
		if err != nil {
			return err
		}

		return g.removed(ctx, &gone, r.DryRun, std)
	})
}

func dry(run bool) string {
	if run {
		return "dry run"
	}

	return ""
}

func limits(r *config.Retention) evidence.Limits {
	return evidence.Limits{Recordings: r.Recordings, Transcripts: r.Transcripts, Calls: r.Calls}
}

// removed erases the files of a removal, unless it was dry, and tells of it.
func (g *gateway) removed(ctx context.Context, gone *evidence.Removal, dry bool, std *streams) error {
	var errs []error
	if !dry {
		errs = append(errs, g.eraseFiles(ctx, gone.Recordings))
	}
	verb := "removed"
	if dry {
		verb = "would remove"
	}
	fmt.Fprintf(std.out, "%s %d turns, %d events, the numbers of %d calls, %d callbacks and %d recordings; legal holds keep %d calls\n",
		verb, gone.Turns, gone.Events, gone.Numbers, gone.Callbacks, len(gone.Recordings), gone.Held)

	return errors.Join(errs...)
}

// eraseFiles destroys the keys of recordings, and their files. One that fails
// is found again by the next run.
func (g *gateway) eraseFiles(ctx context.Context, files []evidence.RecordingFile) error {
	var errs []error
	for _, f := range files {
		path := filepath.Join(g.cfg.RecordingDir(), filepath.Base(f.File))
		err := seal.Destroy(record.KeyPath(path))
		if err == nil {
			err = removeFile(path, true)
		}
		if err == nil {
			err = g.ledger.Erased(ctx, f.Call)
		}
		errs = append(errs, err)
	}

	return errors.Join(errs...)
}

// startRetention runs it now and then.
func (g *gateway) startRetention(context.Context) error {
	every := g.cfg.Compliance.Retention.Every
	if every == 0 || limits(&g.cfg.Compliance.Retention) == (evidence.Limits{}) {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			g.expire(ctx)
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	g.onStop("the retention", partStop, func(context.Context) error {
		cancel()
		<-done

		return nil
	})

	return nil
}

func (g *gateway) expire(ctx context.Context) {
	gone, err := g.ledger.Expire(ctx, g.cfg.Compliance.Tenant, limits(&g.cfg.Compliance.Retention), time.Now(), false)
	if err == nil {
		err = g.eraseFiles(ctx, gone.Recordings)
	}
	if err != nil && ctx.Err() == nil {
		g.log.Error("the retention failed; it is tried again at its next time", slog.Any("error", err))

		return
	}
	g.log.Info("removed what is not kept any longer", slog.Int64("turns", gone.Turns), slog.Int64("events", gone.Events),
		slog.Int64("numbers", gone.Numbers), slog.Int("recordings", len(gone.Recordings)), slog.Int64("held", gone.Held))
}

// subjectCmd answers the requests of a person about their data.
type subjectCmd struct {
	Export subjectExportCmd `cmd:"" help:"Write all that is kept of a number's owner, as JSON lines."`
	Erase  subjectEraseCmd  `cmd:"" help:"Remove what is kept of a number's owner, but for the evidence. They stay suppressed."`
	Hold   subjectHoldCmd   `cmd:"" help:"Keep a number's calls, or one call, whatever the limits, until released."`
	Free   subjectFreeCmd   `cmd:"" help:"Release what was held."`
}

type subjectExportCmd struct {
	Number string `arg:"" help:"Telephone number, as +12125550123."`
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
		return g.ledger.EachRecord(ctx, g.cfg.Compliance.Tenant, privacy.Number(s.Number), func(kind string, v any) error {
			return enc.Encode(map[string]any{kind: v})
		})
	})

	return errors.Join(err, out.Close())
}

type subjectEraseCmd struct {
	Number string `arg:"" help:"Telephone number, as +12125550123."`
	DryRun bool   `help:"Only count what would be removed."`
}

func (s *subjectEraseCmd) Run(ctx context.Context, c *cli, std *streams) error {
	return c.withLedger(ctx, std, "subject erase", dry(s.DryRun), func(g *gateway) error {
		gone, err := g.ledger.Erase(ctx, g.cfg.Compliance.Tenant, privacy.Number(s.Number), s.DryRun)
		if err != nil {
			return err
		}

		return g.removed(ctx, &gone, s.DryRun, std)
	})
}

type subjectHoldCmd struct {
	Number string    `arg:"" optional:"" help:"Telephone number, as +12125550123."`
	Call   uuid.UUID `help:"One call."`
	Matter string    `required:"" help:"What it is kept for."`
}

func (s *subjectHoldCmd) Run(ctx context.Context, c *cli, std *streams) error {
	if (s.Number == "") == (s.Call == uuid.Nil) {
		return usageError("give a number or --call, and not both")
	}

	return c.withLedger(ctx, std, "subject hold", s.Matter, func(g *gateway) error {
		id, err := g.ledger.Hold(ctx, g.cfg.Compliance.Tenant, s.Call, privacy.Number(s.Number), s.Matter)
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
		return g.ledger.Release(ctx, g.cfg.Compliance.Tenant, s.Hold)
	})
}
