package gate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"trunkline/storage/evidence"
	"trunkline/storage/spool"
)

// ProofsConfig is what Proofs work with.
type ProofsConfig struct {
	Ledger *evidence.Ledger
	// Spool takes those that the database does not. Proofs are its one consumer
	// and do not close it.
	Spool   *spool.Spool
	Timeout time.Duration // of writing one into the database; 2 s
	Retry   time.Duration // between attempts to write those of the spool; 1 s
	Log     *slog.Logger  // nil discards
}

// Proofs keep what proves that calls said what they must. While the database is
// away they wait on disk. They are safe for concurrent use.
type Proofs struct {
	cfg    ProofsConfig
	behind behind
}

// NewProofs makes Proofs.
func NewProofs(cfg ProofsConfig) *Proofs {
	cfg.Timeout = cmp.Or(cfg.Timeout, 2*time.Second)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p := &Proofs{cfg: cfg}
	p.behind = behind{
		what: "proofs", spool: cfg.Spool, retry: cmp.Or(cfg.Retry, time.Second), log: cfg.Log, write: p.write, bound: 5 * cfg.Timeout,
		wake: make(chan struct{}, 1),
	}

	return p
}

// Prove keeps a proof. When it returns without an error the proof is safe on
// disk, in the database or in this node's spool. ctx bounds the wait for the
// database only.
func (p *Proofs) Prove(ctx context.Context, a evidence.Act) error {
	bounded, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	err := p.cfg.Ledger.RecordActs(bounded, a)
	if err == nil {
		return nil
	}
	data, spoolErr := json.Marshal(a)
	if spoolErr == nil {
		spoolErr = p.behind.put(data)
	}
	if spoolErr != nil {
		return fmt.Errorf("the proof could be written neither to the database nor to the disk: %w", errors.Join(err, spoolErr))
	}
	p.cfg.Log.Warn("a proof waits on disk: the database does not take it", slog.Any("error", err))

	return nil
}

// Waiting is how many proofs wait for the database.
func (p *Proofs) Waiting() int { return p.cfg.Spool.Stats().Waiting }

// Start begins to write the proofs of the spool into the database.
func (p *Proofs) Start() error { return p.behind.start() }

// Stop ends that. It may be called again, and before Start.
func (p *Proofs) Stop() { p.behind.stop() }

func (p *Proofs) write(ctx context.Context, records []spool.Record) error {
	of := map[string][]evidence.Act{} // by tenant
	for _, r := range records {
		var a evidence.Act
		if err := json.Unmarshal(r.Payload, &a); err != nil {
			p.cfg.Log.Error("a proof is lost: its record in the spool cannot be read", slog.Uint64("record", r.Number), slog.Any("error", err))

			continue
		}
		of[a.Tenant] = append(of[a.Tenant], a)
	}
	for _, all := range of {
		if err := p.cfg.Ledger.RecordActs(ctx, all...); err != nil {
			return err
		}
	}

	return nil
}
