package gate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"trunkline/storage"
	"trunkline/storage/cluster/clustertest"
	"trunkline/storage/evidence"
	"trunkline/storage/spool"
)

func newProofs(t testing.TB, l *evidence.Ledger, s *spool.Spool) *Proofs {
	t.Helper()
	p := NewProofs(ProofsConfig{Ledger: l, Spool: s, Timeout: 500 * time.Millisecond, Retry: 10 * time.Millisecond})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)

	return p
}

// proof is that of a call.
func proof(call uuid.UUID) evidence.Act {
	return evidence.Act{
		ID: uuid.NewSHA1(call, []byte("opening")), Tenant: "acme", Actor: "trunkline", Act: "opening", Object: call.String(), At: time.Now(),
		Detail: json.RawMessage(`{"heard":true}`),
	}
}

// entries counts those of the ledger.
func entries(t testing.TB, store *storage.Store, kind evidence.Kind) (n int) {
	t.Helper()
	if err := store.Pool().QueryRow(t.Context(), `SELECT count(*) FROM ledger WHERE kind = $1`, string(kind)).Scan(&n); err != nil {
		t.Fatal(err)
	}

	return n
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

// The proof of a call that ends while the database is away comes into the
// ledger when it is back, through the next process if need be, and once.
func TestProofsOutliveAnOutage(t *testing.T) {
	t.Parallel()
	_ = clustertest.URL(t) // skips where PostgreSQL is absent
	dir := clustertest.Dir(t)
	c := startCluster(t, dir)
	store, l := openStore(t, c.URL())
	spooled := t.TempDir()
	waiting := openSpool(t, spooled)
	p := newProofs(t, l, waiting)
	early, late := uuid.New(), uuid.New()
	if err := p.Prove(t.Context(), proof(early)); err != nil {
		t.Fatalf("with a database: %v", err)
	}
	eventually(t, "the proof waits although the database is there", func() bool { return p.Waiting() == 0 })
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // told twice, it is one
		if err := p.Prove(t.Context(), proof(late)); err != nil {
			t.Fatalf("with no database: %v", err)
		}
	}
	p.Stop()
	if err := waiting.Close(); err != nil {
		t.Fatal(err)
	}
	next := newProofs(t, l, openSpool(t, spooled))
	if next.Waiting() != 2 {
		t.Errorf("%d wait for the next process", next.Waiting())
	}
	startCluster(t, dir)
	eventually(t, "the proof still waits", func() bool { return next.Waiting() == 0 })
	if n := entries(t, store, evidence.KindAct); n != 2 {
		t.Errorf("%d entries", n)
	}
	var heard bool
	err := store.Pool().QueryRow(t.Context(), `SELECT (entry::jsonb #>> '{body,detail,heard}')::boolean FROM ledger WHERE id = $1`, proof(late).ID).Scan(&heard)
	if err != nil || !heard {
		t.Errorf("it says %v, %v", heard, err)
	}
}

func TestProofThatIsKeptNowhere(t *testing.T) {
	t.Parallel()
	_, l := openStore(t, clustertest.URL(t))
	s := openSpool(t, t.TempDir())
	p := newProofs(t, l, s)
	l.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Prove(t.Context(), proof(uuid.New())); err == nil {
		t.Error("with neither database nor disk it is kept")
	}
}

// Two nodes may come to have the same records, as when a disk is copied: what
// waited is in the ledger once, whoever writes it first. A record that cannot be
// read holds up none of the others.
func TestTwoNodesReplayTheSameSpools(t *testing.T) {
	t.Parallel()
	store, l := openStore(t, clustertest.URL(t))
	dir := t.TempDir()
	revocations, proofs := openSpool(t, filepath.Join(dir, "revocations")), openSpool(t, filepath.Join(dir, "proofs"))
	const count = 300 // more than go together
	for i := range count {
		o := stopCalling(callee)
		o.Tenant, o.Scope = "acme", "tenant"
		sealed, err := testKeys(t).Suppression(o)
		if err != nil {
			t.Fatal(err)
		}
		for s, v := range map[*spool.Spool]any{revocations: sealed, proofs: proof(uuid.New())} {
			data, err := json.Marshal(v)
			if err == nil && i == count/2 {
				_, err = s.Append([]byte("{"))
			}
			if err == nil {
				_, err = s.Append(data)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, s := range []*spool.Spool{revocations, proofs} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var waiting []func() int
	for range 2 {
		copied := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		g := newGate(t, l, openSpool(t, filepath.Join(copied, "revocations")))
		p := newProofs(t, l, openSpool(t, filepath.Join(copied, "proofs")))
		waiting = append(waiting, g.Waiting, p.Waiting)
	}
	for _, n := range waiting {
		eventually(t, "something still waits", func() bool { return n() == 0 })
	}
	if s, a := entries(t, store, evidence.KindSuppress), entries(t, store, evidence.KindAct); s != count || a != count {
		t.Errorf("%d suppressions and %d proofs, want %d", s, a, count)
	}
	if _, err := l.Recheck(t.Context(), "acme", func(int64) {}); err != nil {
		t.Error(err)
	}
}
