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
	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"trunkline/call"
	"trunkline/compliance"
	"trunkline/gate"
	"trunkline/privacy"
	"trunkline/storage"
	"trunkline/storage/cluster"
	"trunkline/storage/evidence"
	"trunkline/storage/spool"
)

// decisionsEach is how far apart the decisions of the benchmark are begun.
const decisionsEach = 5 * time.Millisecond

// evidenceBench is what the parts of the benchmark share.
type evidenceBench struct {
	*bench

	store  *storage.Store
	url    string
	keys   *evidence.Keys
	ledger *evidence.Ledger
}

// evidence measures decisions, imports, the ledger and the spool, with a
// PostgreSQL of its own that syncs as one in service does.
func (b *bench) evidence(ctx context.Context) error {
	c := cluster.New(cluster.Options{Dir: filepath.Join(b.dir, "evidence")})
	if err := c.Start(ctx); errors.Is(err, cluster.ErrNoPrograms) {
		return fmt.Errorf("%w: %w", errSkipped, err)
	} else if err != nil {
		return err
	}
	e := &evidenceBench{bench: b, url: c.URL()}
	err := e.open(ctx)
	for _, part := range []func(context.Context) error{e.spool, e.appends, e.imports, e.decisions} {
		if err == nil {
			err = part(ctx)
		}
	}
	if e.ledger != nil {
		e.ledger.Close()
	}
	if e.store != nil {
		e.store.Close()
	}

	return errors.Join(err, c.Stop(context.WithoutCancel(ctx)))
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

func (e *evidenceBench) openSpool(name string) (*spool.Spool, error) {
	files, err := spool.Directory(filepath.Join(e.dir, name))
	if err != nil {
		return nil, err
	}

	return spool.Open(files, spool.Options{Segment: 4 << 20, Reserve: true}) // as the gateway's for history
}

// spool measures how long a record takes to the disk, and how fast history
// goes from there into the database.
func (e *evidenceBench) spool(ctx context.Context) error {
	t := newTable("spool: writers", "records", "append p50 ms", "p95 ms", "p99 ms", "records/s")
	record := bytes.Repeat([]byte("x"), 400)
	for _, writers := range []int{1, 16, 64} {
		s, err := e.openSpool(fmt.Sprintf("spool-%d", writers))
		if err != nil {
			return err
		}
		took, all, err := atOnce(writers, pick(e.bench, 4000, 200)/writers, func() error {
			_, err := s.Append(record)

			return err
		})
		if err := errors.Join(err, s.Close()); err != nil {
			return err
		}
		t.row(writers, len(took), took.fine(.5), took.fine(.95), took.fine(.99), fmt.Sprintf("%.0f", float64(len(took))/all.Seconds()))
	}
	t.write(e.Out)
	if err := e.disk(record); err != nil {
		return err
	}

	return e.replay(ctx)
}

// disk measures what one record costs without a spool: a write and fdatasync,
// at the end of a growing file and within one whose blocks stand.
func (e *evidenceBench) disk(record []byte) error {
	t := newTable("the disk alone: write and fdatasync", "records", "p50 ms", "p95 ms", "p99 ms")
	count := pick(e.bench, 1000, 100)
	for _, grows := range []bool{true, false} {
		f, err := os.Create(filepath.Join(e.dir, "disk"))
		if err != nil {
			return err
		}
		kind := "growing file"
		if !grows {
			kind = "written file"
			_, err = f.Write(make([]byte, count*len(record)))
			err = errors.Join(err, f.Sync())
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
		at := int64(0)
		took, _, err := atOnce(1, count, func() error {
			_, err := f.WriteAt(record, at)
			at += int64(len(record))

			return errors.Join(err, unix.Fdatasync(int(f.Fd())))
		})
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		t.row(kind, count, took.fine(.5), took.fine(.95), took.fine(.99))
	}
	t.write(e.Out)

	return nil
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

// replay spools events while the database is not asked, and then writes them.
func (e *evidenceBench) replay(ctx context.Context) error {
	s, err := e.openSpool("replay")
	if err != nil {
		return err
	}
	owner := storage.Owner{Node: "bench", Boot: uuid.New()}
	rows := pick(e.bench, 60_000, 2000)
	first := storage.NewJournal(e.store, owner, storage.JournalOptions{Spool: s})
	c := storage.Call{ID: storage.NewID(), Direction: storage.Inbound, Door: storage.DoorSIP, State: storage.Ringing, StartedAt: time.Now()}
	first.Begin(c)
	for i := range rows {
		first.Event(storage.Event{CallID: c.ID, Seq: i, At: time.Duration(i), Kind: "speech", Data: []byte(`{"frames":12}`)})
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	first.Stop(stopped) // it was not started: all goes to the spool
	waiting := s.Stats().Waiting
	second := storage.NewJournal(e.store, owner, storage.JournalOptions{Spool: s})
	began := time.Now()
	if err := second.Start(); err != nil {
		return err
	}
	err = second.Flush(ctx)
	took := time.Since(began)
	second.Stop(ctx)
	t := newTable("replay into the database: rows", "s", "rows/s")
	t.row(waiting, fmt.Sprintf("%.1f", took.Seconds()), fmt.Sprintf("%.0f", float64(waiting)/took.Seconds()))
	t.write(e.Out)

	return errors.Join(err, s.Close())
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

// fill makes rows of other people, without their entries in the ledger: only
// what a decision searches.
const (
	fillSuppressions = `INSERT INTO suppressions (id, tenant, callee, sealed, scope, cause, made_at)
		SELECT gen_random_uuid(), 'bench', sha256(int8send(i)), sha256(''), 'tenant', 'opt_out', now() FROM generate_series(1, $1::bigint) i`
	fillConsents = `INSERT INTO consents (id, tenant, callee, sealed, seller, level, purposes, artificial_voice, disclosure_text, not_condition, captured_at, received_at, effective_at)
		SELECT gen_random_uuid(), 'bench', sha256(int8send(-i)), sha256(''), 'seller', 'pewc', '{telemarketing}', true,
			repeat('By signing you agree to be called. ', 6), true, t.captured, t.captured + '1s', t.captured + '2s' FROM (SELECT now() - interval '1 day' AS captured) t, generate_series(1, $1::bigint) i`
)

// fill grows the tables.
func (e *evidenceBench) fill(ctx context.Context, suppressions, consents int) (err error) {
	e.progressf("evidence: filling %d suppressions and %d consents", suppressions, consents)
	conn, err := pgx.Connect(ctx, e.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	for _, step := range []struct {
		sql  string
		args []any
	}{
		{"SET session_replication_role = replica", nil}, // no foreign keys
		{fillSuppressions, []any{suppressions}},
		{fillConsents, []any{consents}},
		{"VACUUM ANALYZE suppressions", nil},
		{"VACUUM ANALYZE consents", nil},
		{"CHECKPOINT", nil},
	} {
		if _, err := conn.Exec(ctx, step.sql, step.args...); err != nil {
			return err
		}
	}

	return nil
}

// decisions measures decisions that are begun at a fixed rate, each about
// another number, with the facts found and decision and attempt recorded.
func (e *evidenceBench) decisions(ctx context.Context) error {
	suppressions, consents := pick(e.bench, 10_000_000, 20_000), pick(e.bench, 5_000_000, 10_000)
	if err := e.fill(ctx, suppressions, consents); err != nil {
		return err
	}
	rules, err := compliance.Load(compliance.DefaultPacks())
	if err != nil {
		return err
	}
	s, err := e.openSpool("revocations")
	if err != nil {
		return err
	}
	g, err := gate.New(gate.Config{
		Ledger: e.ledger, Keys: e.keys, Revocations: s, Tenant: "bench", Clock: gate.TrustedClock, Window: rules.LongestWindow(),
		Decide: func(a *compliance.Attempt, f *compliance.Facts) compliance.Decision {
			d := compliance.Decide(a, f, rules)
			d.Allow, d.ValidFor = true, 30*time.Second // both rows are to be written

			return d
		},
	})
	if err != nil {
		return err
	}
	took, err := decide(ctx, g, pick(e.bench, 4000, 100))
	t := newTable("decisions, 200 a second: suppressions", "consents", "decisions", "p50 ms", "p95 ms", "p99 ms", "max ms")
	t.row(suppressions, consents, len(took), took.fine(.5), took.fine(.95), took.fine(.99), took.fine(1))
	t.write(e.Out)

	return errors.Join(err, s.Close())
}

func decide(ctx context.Context, g *gate.Gate, count int) (took sample, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	tick := time.NewTicker(decisionsEach)
	defer tick.Stop()
	for i := range count {
		due := <-tick.C
		wg.Go(func() {
			_, failed := g.Admit(ctx, call.Attempt{Call: storage.NewID(), To: number(), From: "+12125550199", Purpose: "telemarketing", Seller: "s"})
			mu.Lock()
			defer mu.Unlock()
			if err = errors.Join(err, failed); i >= count/10 { // the first warm the caches
				took = append(took, time.Since(due))
			}
		})
	}
	wg.Wait()

	return took, err
}
