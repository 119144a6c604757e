package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"

	"trunkline/compliance"
	"trunkline/privacy"
	"trunkline/storage"
	"trunkline/storage/cluster"
	"trunkline/storage/evidence"
)

// evidenceBench is what the parts of the benchmark share.
type evidenceBench struct {
	*bench

	store   *storage.Store
	url     string
	dataDir string // of the database
	keys    *evidence.Keys
	ledger  *evidence.Ledger
}

// evidence measures imports and the ledger.
func (b *bench) evidence(ctx context.Context) error {
	return b.withLedger(ctx, func(e *evidenceBench) error { return errors.Join(e.appends(ctx), e.imports(ctx)) })
}

// withLedger runs part with a PostgreSQL of its own, which syncs as one in
// service does.
func (b *bench) withLedger(ctx context.Context, part func(*evidenceBench) error) error {
	dir, err := os.MkdirTemp(b.dir, "evidence-")
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the database's account has to pass
		return err
	}
	c := cluster.New(cluster.Options{Dir: filepath.Join(dir, "postgres")})
	if err := c.Start(ctx); errors.Is(err, cluster.ErrNoPrograms) {
		return fmt.Errorf("%w: %w", errSkipped, err)
	} else if err != nil {
		return err
	}
	e := &evidenceBench{bench: b, url: c.URL(), dataDir: filepath.Join(dir, "postgres", "data")}
	if err = e.open(ctx); err == nil {
		err = part(e)
	}
	if e.ledger != nil {
		e.ledger.Close()
	}
	if e.store != nil {
		e.store.Close()
	}

	return errors.Join(err, c.Stop(context.WithoutCancel(ctx)), os.RemoveAll(dir))
}

func (e *evidenceBench) open(ctx context.Context) (err error) {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	if e.keys, err = evidence.ParseKeys(base64.StdEncoding.EncodeToString(secret)); err != nil {
		return err
	}
	if e.store, err = storage.Open(ctx, e.url, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	if _, err := e.store.Migrate(ctx); err != nil {
		return err
	}
	e.ledger, err = evidence.Open(ctx, e.store, e.keys, "bench")

	return err
}

// atOnce has writers do the same again and again, and returns how long each
// took, and all of them together.
func atOnce(writers, each int, do func() error) (took sample, all time.Duration, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	for range writers {
		wg.Go(func() {
			for range each {
				at := time.Now()
				failed := do()
				mu.Lock()
				took, err = append(took, time.Since(at)), errors.Join(err, failed)
				mu.Unlock()
			}
		})
	}
	wg.Wait()

	return took, time.Since(began), err
}

// appends measures the ledger.
func (e *evidenceBench) appends(ctx context.Context) error {
	t := newTable("ledger: entries in a transaction", "entries", "s", "entries/s")
	for _, batch := range []int{1, 50, 500} {
		count := pick(e.bench, min(20_000, 1000*batch), 10*batch)
		began := time.Now()
		for done := 0; done < count; done += batch {
			all := make([]evidence.Suppression, batch)
			for i := range all {
				s, err := e.keys.Suppression(evidence.Order{
					Key: uuid.NewString(), Tenant: "bench", Number: number(), Scope: compliance.ScopeTenant, Cause: "opt_out", At: time.Now(),
				})
				if err != nil {
					return err
				}
				all[i] = s
			}
			if err := e.ledger.Suppress(ctx, all...); err != nil {
				return err
			}
		}
		took := time.Since(began)
		t.row(batch, count, fmt.Sprintf("%.1f", took.Seconds()), fmt.Sprintf("%.0f", float64(count)/took.Seconds()))
	}
	t.write(e.Out)

	return e.togetherAppends(ctx)
}

// togetherAppends measures writers that each wait for a single entry.
func (e *evidenceBench) togetherAppends(ctx context.Context) error {
	t := newTable("ledger: writers of single entries", "entries", "p50 ms", "p99 ms", "entries/s")
	for _, writers := range []int{1, 16, 64, 128} {
		took, all, err := atOnce(writers, pick(e.bench, 100, 5), func() error {
			return e.ledger.RecordAct(ctx, evidence.Act{ID: uuid.New(), Tenant: "bench", Actor: "bench", Act: "append", At: time.Now()})
		})
		if err != nil {
			return err
		}
		t.row(writers, len(took), took.fine(.5), took.fine(.99), fmt.Sprintf("%.0f", float64(len(took))/all.Seconds()))
	}
	t.write(e.Out)

	return nil
}

// number is somebody's in the North American plan.
func number() privacy.Number {
	return privacy.Number(fmt.Sprintf("+1%d%07d", 212+mathrand.IntN(700), 2_000_000+mathrand.IntN(8_000_000)))
}

// imports measures a do-not-call list.
func (e *evidenceBench) imports(ctx context.Context) error {
	count := pick(e.bench, 1_000_000, 20_000)
	var file bytes.Buffer
	for range count {
		fmt.Fprintf(&file, "%s\n", string(number())[2:])
	}
	began := time.Now()
	_, numbers, err := e.ledger.ImportList(ctx, evidence.List{Tenant: "bench", Kind: compliance.NationalList, ObtainedAt: time.Now()}, &file)
	t := newTable("import of a list: lines", "numbers", "s")
	t.row(count, numbers, fmt.Sprintf("%.1f", time.Since(began).Seconds()))
	t.write(e.Out)

	return err
}
