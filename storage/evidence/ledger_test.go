package evidence

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"trunkline/compliance"
	"trunkline/privacy"
	"trunkline/storage/evidence/bundle"
)

func order(key string) Order {
	return Order{
		Key: key, Tenant: "acme", Number: callee, Scope: compliance.ScopeSeller, Seller: "acme-inc", Cause: "opt_out",
		Words: "stop calling me", At: time.Now(), Call: uuid.New(),
	}
}

func suppress(t testing.TB, l *Ledger, o Order) Suppression {
	t.Helper()
	s, err := l.keys.Suppression(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Suppress(context.Background(), s); err != nil {
		t.Fatal(err)
	}

	return s
}

// Neither the gateway's role nor the owner can change evidence.
func TestEvidenceIsInsertOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	suppress(t, b.Ledger, order("k1"))
	var role string
	if err := b.store.Pool().QueryRow(t.Context(), `SELECT current_user`).Scan(&role); err != nil || role != "trunkline_service" {
		t.Fatalf("the pool works as %q, %v", role, err)
	}
	owner := b.owner(t)
	for _, table := range []string{
		"ledger", "evidence_keys", "decisions", "attempts", "consents", "consent_revocations", "suppressions", "suppression_lifts",
		"list_snapshots", "list_blocks", "caller_ids", "reassigned_results", "acts",
	} {
		var column string
		err := owner.QueryRow(t.Context(), `SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum = 1`, table).Scan(&column)
		if err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{"UPDATE " + table + " SET " + column + " = " + column, "DELETE FROM " + table, "TRUNCATE " + table + " CASCADE"} {
			for who, exec := range map[string]func(context.Context, string, ...any) (pgconn.CommandTag, error){
				"the service": b.store.Pool().Exec, "the owner": owner.Exec,
			} {
				_, err := exec(t.Context(), sql)
				pg, ok := errors.AsType[*pgconn.PgError](err)
				if !ok || pg.Code != "42501" {
					t.Errorf("%s: %s: %v", who, sql, err)
				}
				if ours := strings.Contains(err.Error(), "never changed"); ours == (who == "the service") {
					t.Errorf("%s: %s is refused by the wrong means: %v", who, sql, err)
				}
			}
		}
	}
	if _, err := b.store.Pool().Exec(t.Context(), `INSERT INTO ledger (tenant, seq, id, kind, entry, hash)
		VALUES ('acme', 9, gen_random_uuid(), 'x', '{}', sha256(''))`); err == nil {
		t.Error("the service put a link into the chain by itself")
	}
}

func TestChain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 5 {
				suppress(t, b.Ledger, order(strings.Repeat("x", i*5+j+1)))
			}
		})
	}
	all.Wait()
	again := order("x")
	again.Words = "something else"
	suppress(t, b.Ledger, again) // a second time with the same key changes nothing
	rows, err := b.store.Pool().Query(t.Context(), `SELECT seq, entry, hash FROM ledger WHERE tenant = 'acme' ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	prev := make([]byte, sha256.Size)
	var n int64
	var (
		seq   int64
		entry string
		hash  []byte
	)
	_, err = pgx.ForEachRow(rows, []any{&seq, &entry, &hash}, func() error {
		n++
		sum := sha256.Sum256(append(binary.BigEndian.AppendUint64(prev, uint64(seq)), entry...))
		if seq != n || [32]byte(hash) != sum {
			t.Errorf("row %d of %d breaks the chain", n, seq)
		}
		prev = hash
		canonical, err := compliance.CanonicalJSON([]byte(entry))
		if err != nil || string(canonical) != entry {
			t.Errorf("not canonical: %s", entry)
		}
		if strings.Contains(entry, callee) || strings.Contains(entry, "stop calling") {
			t.Errorf("it names a person: %s", entry)
		}

		return nil
	})
	if err != nil || n != 20 {
		t.Fatalf("%d rows, %v", n, err)
	}
	found, err := b.SuppressionsOf(t.Context(), "acme", callee)
	if err != nil || len(found) != 20 {
		t.Fatalf("%d suppressions, %v", len(found), err)
	}
	number, words, err := b.keys.Reveal(&found[0])
	if err != nil || number != callee || words != "stop calling me" {
		t.Errorf("revealed %q, %q, %v", string(number), string(words), err)
	}
}

func TestAnotherKeyIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if _, err := Open(t.Context(), b.store, testKeys(t, 8), "acme"); !errors.Is(err, ErrKey) {
		t.Errorf("another key: %v", err)
	}
	same, err := Open(t.Context(), b.store, testKeys(t, 7), "acme")
	if err != nil {
		t.Fatalf("the same key: %v", err)
	}
	same.Close()
}

func TestOptOutsMove(t *testing.T) {
	t.Parallel()
	b := setup(t)
	owner := b.owner(t)
	call := uuid.New()
	if _, err := owner.Exec(t.Context(), `INSERT INTO opt_outs (key, call_id, number, said) VALUES ('a', $1, $2, 'no more calls')`, call, callee); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		l, err := Open(t.Context(), b.store, b.keys, "acme")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	found, err := b.SuppressionsOf(t.Context(), "acme", callee)
	if err != nil || len(found) != 1 || found[0].Call != call || found[0].Scope != compliance.ScopeTenant {
		t.Errorf("suppressions %+v, %v", found, err)
	}
}

func (b bundleOf) caseOf(a compliance.Attempt) Case {
	return Case{Attempt: a, Call: uuid.New(), Since: a.At.Add(-24 * time.Hour)}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := sampleAttempt()
	s := suppress(t, b.Ledger, order("k"))
	var seen compliance.Facts
	of := b.caseOf(a)
	r, err := b.Decide(t.Context(), of, func(f *compliance.Facts) compliance.Decision {
		seen = *f

		return allow(&a, time.Minute)
	})
	if err != nil || r.Attempt == uuid.Nil {
		t.Fatal(r, err)
	}
	for call, want := range map[uuid.UUID]bool{of.Call: true, uuid.New(): false} {
		if got, err := b.Attempted(t.Context(), call); err != nil || got != want {
			t.Errorf("attempted: %v, %v; want %v", got, err, want)
		}
	}
	if diff := cmp.Diff([]compliance.Suppression{s.Fact()}, seen.Suppressions.Value); diff != "" {
		t.Error(diff)
	}
	if !seen.Consents.Known || !seen.History.Known || !seen.Lists.Known || seen.CallerID.Known || seen.Reassigned.Known {
		t.Errorf("facts %+v", seen)
	}
	second := a
	second.At = a.At.Add(time.Second)
	denied, err := b.Decide(t.Context(), b.caseOf(second), func(f *compliance.Facts) compliance.Decision {
		seen = *f

		return deny(&second)
	})
	if err != nil || denied.Attempt != uuid.Nil || denied.ID == uuid.Nil {
		t.Fatal(denied, err)
	}
	want := []compliance.PastAttempt{{At: instant(a.At), Seller: a.Seller, Campaign: a.Campaign, Subject: a.Subject}}
	if diff := cmp.Diff(want, seen.History.Value.Attempts); diff != "" {
		t.Error(diff)
	}
	replacing := b.caseOf(second)
	replacing.Replaces = r.Attempt
	d, err := b.Consider(t.Context(), replacing, func(f *compliance.Facts) compliance.Decision {
		seen = *f

		return allow(&second, time.Minute)
	})
	if err != nil || !d.Allow || len(seen.History.Value.Attempts) != 0 {
		t.Errorf("the attempt that is replaced counts: %+v, %v", seen.History, err)
	}
	counts := map[string]int{}
	for _, table := range []string{"decisions", "attempts"} {
		var n int
		if err := b.store.Pool().QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		counts[table] = n
	}
	if diff := cmp.Diff(map[string]int{"decisions": 2, "attempts": 1}, counts); diff != "" {
		t.Error(diff)
	}
}

func TestStaleDecisionIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := sampleAttempt()
	a.At = time.Now().Add(-time.Minute)
	_, err := b.Decide(t.Context(), b.caseOf(a), func(*compliance.Facts) compliance.Decision { return allow(&a, 30*time.Second) })
	if !errors.Is(err, ErrLate) {
		t.Errorf("a decision that expired half a minute ago: %v", err)
	}
	var n int
	if err := b.store.Pool().QueryRow(t.Context(), `SELECT count(*) FROM attempts`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d attempts, %v", n, err)
	}
}

// The constraints alone keep an attempt from a decision that does not allow it.
func TestAttemptNeedsItsDecision(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := sampleAttempt()
	no, err := b.Decide(t.Context(), b.caseOf(a), func(*compliance.Facts) compliance.Decision { return deny(&a) })
	if err != nil {
		t.Fatal(err)
	}
	used, err := b.Decide(t.Context(), b.caseOf(a), func(*compliance.Facts) compliance.Decision { return allow(&a, time.Minute) })
	if err != nil {
		t.Fatal(err)
	}
	owner := b.owner(t)
	right, wrong := b.keys.Callee(callee), b.keys.Callee("+12125550777")
	insert := func(decision any, tenant string, c Callee) error {
		tx, err := owner.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(t.Context()) }()
		id := uuid.New()
		if _, err := tx.Exec(t.Context(), `SELECT ledger_append($1, ARRAY[$2::uuid], ARRAY['attempt'], ARRAY['{}'])`, tenant, id); err != nil {
			t.Fatal(err)
		}
		_, err = tx.Exec(t.Context(), `INSERT INTO attempts (id, tenant, callee, decision_id, call_id, seller, campaign, placed_at)
			VALUES ($1, $2, $3, $4, gen_random_uuid(), '', '', now())`, id, tenant, c[:], decision)

		return err
	}
	for name, err := range map[string]error{
		"no decision":               insert(nil, "acme", right),
		"an unknown one":            insert(uuid.New(), "acme", right),
		"a denial":                  insert(no.ID, "acme", right),
		"a second time":             insert(used.ID, "acme", right),
		"for another callee":        insert(used.ID, "acme", wrong),
		"for another tenant's call": insert(used.ID, "other", right),
	} {
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || !strings.HasPrefix(pg.Code, "23") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of many workers that dial one number under a cap, no more than the cap dial.
func TestCapHoldsAmongWorkers(t *testing.T) {
	t.Parallel()
	const limit = 3
	b := setup(t)
	var workers sync.WaitGroup
	var mu sync.Mutex
	dialed := 0
	for range 6 {
		workers.Go(func() {
			for range 3 {
				a := sampleAttempt()
				r, err := b.Decide(context.Background(), b.caseOf(a), func(f *compliance.Facts) compliance.Decision {
					if len(f.History.Value.Attempts) >= limit {
						return deny(&a)
					}

					return allow(&a, time.Minute)
				})
				if err != nil {
					t.Error(err)
				}
				if r.Decision.Allow {
					mu.Lock()
					dialed++
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	if dialed != limit {
		t.Errorf("%d dials under a cap of %d", dialed, limit)
	}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	for number, want := range map[privacy.Number]int64{
		"+12125550123": 1212555, "+4420794601230": 442079460, "12125550123": 0, "+1": 0, "+1234x6789": 0, "": 0, "+02125550123": 0,
	} {
		prefix, bit, ok := place(number)
		if prefix != want || ok != (want != 0) || bit < 0 || bit > 9999 {
			t.Errorf("%q: %d, %d, %v", string(number), prefix, bit, ok)
		}
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := sampleAttempt()
	if _, err := b.Decide(t.Context(), b.caseOf(a), func(*compliance.Facts) compliance.Decision { return allow(&a, time.Minute) }); err != nil {
		t.Fatal(err)
	}
	suppress(t, b.Ledger, order("k"))
	other := order("k")
	other.Tenant = "other"
	suppress(t, b.Ledger, other)
	if err := b.RecordAct(t.Context(), Act{ID: uuid.New(), Tenant: "acme", Actor: "root", Act: "audit export", At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	var out bytes.Buffer
	heads, err := b.Export(t.Context(), &out, "", key, nil)
	if err != nil || len(heads) != 2 {
		t.Fatal(heads, err)
	}
	r, err := bundle.Verify(bytes.NewReader(out.Bytes()), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"decision": 1, "attempt": 1, "suppression": 2, "act": 1}
	if diff := cmp.Diff(want, r.Kinds); diff != "" || r.Heads[0] != heads[0] {
		t.Error(diff, heads)
	}
	out.Reset()
	if heads, err := b.Export(t.Context(), &out, "other", key, nil); err != nil || len(heads) != 1 || heads[0].Seq != 1 {
		t.Error(heads, err)
	}
}

// A clock that steps forward does not lose what it dated in the future, and one
// that steps back gets no decision past the database.
func TestClockSteps(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			stepped := sampleAttempt()
			stepped.At = time.Now().Add(step)
			_, err := b.Decide(t.Context(), b.caseOf(stepped), func(*compliance.Facts) compliance.Decision { return allow(&stepped, 30*time.Second) })
			if want := map[bool]error{true: ErrLate}[step < 0]; !errors.Is(err, want) {
				t.Fatalf("a decision by that clock: %v, want %v", err, want)
			}
			o := order("k")
			o.At = stepped.At
			suppress(t, b.Ledger, o)
			now := facts(t, b, sampleAttempt()) // the clock is right again
			dialed := map[bool]int{true: 1}[step > 0]
			if len(now.Suppressions.Value) != 1 || len(now.History.Value.Attempts) != dialed {
				t.Errorf("afterwards stand %v and %v", now.Suppressions.Value, now.History.Value.Attempts)
			}
		})
	}
}
