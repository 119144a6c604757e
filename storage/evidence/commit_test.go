package evidence

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"trunkline/compliance"
	"trunkline/privacy"
)

// Writes of one called party are never together, and keep their order; none is
// lost, and the oldest is always taken.
func TestTogether(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var waiting []*write
		for range rapid.IntRange(1, 3*mostTogether).Draw(t, "writes") {
			w := &write{tenant: rapid.SampledFrom([]string{"acme", "other"}).Draw(t, "tenant")}
			for range rapid.IntRange(0, 2).Draw(t, "callees") {
				w.callees = append(w.callees, Callee{byte(rapid.IntRange(0, 99).Draw(t, "callee"))})
			}
			waiting = append(waiting, w)
		}
		came := map[*write]int{}
		for i, w := range waiting {
			came[w] = i
		}
		latest := map[Callee]int{} // of those taken
		for left := waiting; len(left) > 0; {
			var taken []*write
			first := left[0]
			taken, left = together(left, map[Callee]bool{}, mostTogether)
			if len(taken) == 0 || len(taken) > mostTogether || taken[0] != first {
				t.Fatalf("%d writes taken", len(taken))
			}
			of := map[Callee]*write{}
			for _, w := range taken {
				for _, c := range w.callees {
					if other := of[c]; w.tenant != first.tenant || other != nil && other != w || came[w] < latest[c] {
						t.Fatalf("write %d shares a transaction, or comes too late", came[w])
					}
					of[c], latest[c] = w, came[w]
				}
				delete(came, w)
			}
			for _, w := range left {
				if _, ok := came[w]; !ok {
					t.Fatal("a write is taken and stays")
				}
			}
		}
		if len(came) > 0 {
			t.Fatalf("%d writes are lost", len(came))
		}
	})
}

// A decision that the database refuses fails alone; those that it shared the
// transaction with stand.
func TestRefusedDecisionFailsAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	now := time.Now()
	var all []*write
	var cases []compliance.Attempt
	for i := range 6 {
		a := sampleAttempt()
		a.To, a.At = privacy.Number(fmt.Sprintf("+1212555%04d", i)), now
		cases = append(cases, a)
	}
	for i := range cases {
		a := &cases[i]
		valid := time.Minute
		if i == 3 {
			a.At, valid = now.Add(-time.Hour), time.Second // too old for the trigger
		}
		c, r, f := b.caseOf(*a), Ruling{}, compliance.Facts{}
		all = append(all, &write{
			ctx: t.Context(), tenant: a.Tenant, callees: []Callee{b.keys.Callee(a.To)}, done: make(chan error, 1),
			ask: func(q *pgx.Batch) { b.gather(q, &c, &f) },
			entries: func() ([]entry, error) {
				if i == 4 {
					return nil, errDry // its own fault
				}
				r = Ruling{ID: uuid.Must(uuid.NewV7()), Attempt: uuid.Must(uuid.NewV7()), Decision: allow(a, valid)}

				return b.rulingEntries(&c, &f, &r, b.keys.Callee(a.To))
			},
		})
	}
	b.commits.commit(all, mostTogether)
	for i, w := range all {
		var want error
		switch i {
		case 3:
			want = ErrLate
		case 4:
			want = errDry
		}
		if err := late(<-w.done); !errors.Is(err, want) {
			t.Errorf("write %d: %v", i, err)
		}
	}
	var got []string
	rows, err := b.store.Pool().Query(t.Context(), `SELECT kind || ' ' || count(*) FROM ledger GROUP BY kind ORDER BY kind`)
	if err == nil {
		got, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if diff := cmp.Diff([]string{"attempt 4", "decision 4"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// While the chain is held up, writes gather; whoever stops waiting is told so,
// and nobody's is written who was told so before its turn came.
func TestWritesGatherAndLeave(t *testing.T) {
	t.Parallel()
	b := setup(t)
	holder, err := b.owner(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Exec(t.Context(), `SELECT pg_advisory_xact_lock(20547, hashtext('acme'))`); err != nil {
		t.Fatal(err)
	}
	act := func(ctx context.Context) error {
		return b.RecordAct(ctx, Act{ID: uuid.New(), Tenant: "acme", Actor: "root", Act: "test", At: time.Now()})
	}
	var stay sync.WaitGroup
	wanted := 0
	// The first transactions may take any number of them along, so there is
	// always one more.
	for deadline := time.Now().Add(20 * time.Second); b.gathered() < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing gathers")
		}
		wanted++
		stay.Go(func() {
			if err := act(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	gone, leave := context.WithCancelCause(t.Context())
	leave(ErrBusy)
	if err := act(gone); !errors.Is(err, ErrBusy) {
		t.Errorf("one who left: %v", err)
	}
	if err := holder.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	stay.Wait()
	b.Close()
	b.Close()
	if err := act(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	var acts, transactions int
	err = b.store.Pool().QueryRow(t.Context(), `SELECT count(*), count(DISTINCT xmin::text) FROM acts`).Scan(&acts, &transactions)
	if err != nil || acts != wanted || transactions >= acts {
		t.Errorf("%d acts of %d in %d transactions, %v", acts, wanted, transactions, err)
	}
}

// A transaction whose time is over while it waits for its turn is given up, and
// not tried again with each of its writes.
func TestGatheringEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := newCommitter(b.commits.pool)
	c.turn <- struct{}{} // for ever
	gone, leave := context.WithCancelCause(t.Context())
	defer leave(nil)
	judged := 0
	var all []*write
	for range 3 {
		all = append(all, &write{
			ctx: gone, tenant: "acme", done: make(chan error, 1), ask: func(q *pgx.Batch) { q.Queue(`SELECT 1`) },
			entries: func() ([]entry, error) {
				if judged++; judged == 3 {
					leave(ErrBusy)
				}

				return nil, nil
			},
		})
	}
	c.commit(all, mostTogether)
	for i, w := range all {
		if err := <-w.done; !errors.Is(err, context.Canceled) {
			t.Errorf("write %d: %v", i, err)
		}
	}
	if judged != 3 {
		t.Errorf("judged %d times", judged)
	}
}

// While one transaction is on its way into the chain, the next one takes in
// decisions that come one after another; one whose called party is locked
// elsewhere does not hold up the others.
func TestDecisionsJoinTheNextTransaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	begin := func(sql string, args ...any) (end func()) {
		tx, err := b.owner(t).Begin(t.Context())
		if err == nil {
			_, err = tx.Exec(t.Context(), sql, args...)
		}
		if err != nil {
			t.Fatal(err)
		}

		return func() {
			if err := tx.Rollback(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	until := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("waited for nothing: %s", what)
			}
		}
	}
	release := begin(`SELECT pg_advisory_xact_lock(20547, hashtext('acme'))`)
	results := make(chan error, 16)
	var judged atomic.Int64
	decide := func(to privacy.Number) {
		go func() {
			a := sampleAttempt()
			a.To, a.At = to, time.Now()
			_, err := b.Decide(t.Context(), b.caseOf(a), func(*compliance.Facts) compliance.Decision {
				judged.Add(1)

				return allow(&a, time.Minute)
			})
			results <- err
		}()
	}
	finish := func(count int) {
		t.Helper()
		for range count {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	}
	decide("+12125550000")
	until("the first is on its way", func() bool { return len(b.commits.turn) == 1 })
	decide("+12125550001")
	until("the second gathers", func() bool { return judged.Load() == 2 })
	locked := privacy.Number("+12125550002")
	unlock := begin(`SELECT pg_advisory_xact_lock($1)`, calleeLock("acme", b.keys.Callee(locked)))
	decide(locked)
	for i := range 6 {
		decide(privacy.Number(fmt.Sprintf("+1212555010%d", i)))
	}
	until("the others are judged", func() bool { return judged.Load() == 8 })
	release()
	finish(8)
	select {
	case err := <-results:
		t.Errorf("decided under the lock of another: %v", err)
	default:
	}
	unlock()
	finish(1)
	b.Close()
	var decisions, transactions int
	err := b.store.Pool().QueryRow(t.Context(), `SELECT count(*), count(DISTINCT xmin::text) FROM decisions`).Scan(&decisions, &transactions)
	if err != nil || decisions != 9 || transactions != 3 {
		t.Errorf("%d decisions in %d transactions, want 9 in 3: %v", decisions, transactions, err)
	}
}

func (b bundleOf) gathered() int {
	b.commits.mu.Lock()
	defer b.commits.mu.Unlock()

	return len(b.commits.waiting)
}

func TestTooManyWait(t *testing.T) {
	t.Parallel()
	c := newCommitter(nil)
	c.running, c.waiting = writers, make([]*write, mostWaiting)
	if err := c.do(&write{ctx: t.Context()}); !errors.Is(err, ErrBusy) {
		t.Errorf("one more: %v", err)
	}
}
