package gate

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"trunkline/call"
	"trunkline/compliance"
	"trunkline/privacy"
	"trunkline/storage"
	"trunkline/storage/cluster"
	"trunkline/storage/cluster/clustertest"
	"trunkline/storage/evidence"
	"trunkline/storage/spool"
)

func TestMain(m *testing.M) { os.Exit(clustertest.Main(m)) }

const callee privacy.Number = "+12125550123"

var _ call.Gate = (*Gate)(nil)

// rules are three calls a day, and nobody who is suppressed: the real ones are
// package compliance's.
func rules(a *compliance.Attempt, f *compliance.Facts) compliance.Decision {
	d := compliance.Decision{Allow: true, At: a.At, ValidFor: 30 * time.Second, RulesetVersion: "test"}
	no := func(why string) {
		d.Allow, d.ValidFor = false, 0
		d.Reasons = append(d.Reasons, compliance.Reason{Rule: "test", Verdict: compliance.Deny, Code: "NO", Why: why})
	}
	if !f.Suppressions.Known || len(f.Suppressions.Value) > 0 {
		no("suppressed")
	}
	if !f.History.Known || len(f.History.Value.Attempts) >= 3 {
		no("three calls")
	}

	return d
}

func testKeys(t interface{ Fatal(args ...any) }) *evidence.Keys {
	k, err := evidence.ParseKeys(base64.StdEncoding.EncodeToString(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}

	return k
}

func openStore(t testing.TB, url string) (*storage.Store, *evidence.Ledger) {
	t.Helper()
	store, err := storage.Open(context.Background(), url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	if _, err := store.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	l, err := evidence.Open(context.Background(), store, testKeys(t), "acme")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)

	return store, l
}

func openSpool(t testing.TB, dir string) *spool.Spool {
	t.Helper()
	files, err := spool.Directory(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := spool.Open(files, spool.Options{Segment: 1 << 20, Reserve: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})

	return s
}

func newGate(t testing.TB, l *evidence.Ledger, s *spool.Spool) *Gate {
	t.Helper()
	g, err := New(Config{
		Ledger: l, Keys: testKeys(t), Revocations: s, Tenant: "acme", Decide: rules, Window: 24 * time.Hour, Clock: TrustedClock,
		Timeout: 500 * time.Millisecond, Retry: 10 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Stop)

	return g
}

func attempt(to privacy.Number) call.Attempt {
	return call.Attempt{Call: storage.NewID(), To: to, From: "+12125550199", Agent: "ann", Purpose: "telemarketing", Seller: "acme-inc", Campaign: "c1"}
}

func stopCalling(to privacy.Number) evidence.Order {
	return evidence.Order{Key: uuid.NewString(), Number: to, Seller: "acme-inc", Cause: "opt_out", Words: "stop calling me", At: time.Now()}
}

func TestDecisionsAreStored(t *testing.T) {
	t.Parallel()
	store, l := openStore(t, clustertest.URL(t))
	g := newGate(t, l, openSpool(t, t.TempDir()))
	for i := range 5 {
		a, err := g.Admit(t.Context(), attempt(callee))
		if err != nil || a.Decision == uuid.Nil || a.Allowed != (i < 3) || a.Allowed != (a.Attempt != uuid.Nil) {
			t.Fatalf("call %d: %+v, %v", i+1, a, err)
		}
		if !a.Allowed && strings.Join(a.Reasons, ";") != "test: three calls" {
			t.Errorf("denied for %q", a.Reasons)
		}
		var allow bool
		if err := store.Pool().QueryRow(t.Context(), `SELECT allow FROM decisions WHERE id = $1`, a.Decision).Scan(&allow); err != nil || allow != a.Allowed {
			t.Errorf("call %d: the decision stands as %v, %v", i+1, allow, err)
		}
	}
	// The one that was never dialed gives its place to the one instead of it.
	other := attempt("+12125550456")
	first, err := g.Admit(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	other.Again = first.Attempt
	for range 2 {
		if again, err := g.Admit(t.Context(), other); err == nil && again.Allowed {
			other.Again = again.Attempt
		} else {
			t.Fatal(again, err)
		}
	}
	d, err := g.Consider(t.Context(), compliance.Attempt{To: other.To, Seller: "acme-inc", At: time.Now()}, "ann")
	if err != nil || !d.Allow {
		t.Errorf("a dry decision: %+v, %v", d, err)
	}
	r, err := g.Record(t.Context(), compliance.Attempt{To: other.To, Seller: "acme-inc", At: time.Now()}, "ann")
	if err != nil || !r.Decision.Allow || r.Attempt != uuid.Nil {
		t.Errorf("a recorded one: %+v, %v", r, err)
	}
}

func TestRevocationDeniesAtOnce(t *testing.T) {
	t.Parallel()
	_, l := openStore(t, clustertest.URL(t))
	g := newGate(t, l, openSpool(t, t.TempDir()))
	if err := g.Revoke(t.Context(), stopCalling(callee)); err != nil {
		t.Fatal(err)
	}
	a, err := g.Admit(t.Context(), attempt(callee))
	if err != nil || a.Allowed {
		t.Errorf("after a revocation: %+v, %v", a, err)
	}
	// Another node knows it from the database.
	other := newGate(t, l, openSpool(t, t.TempDir()))
	if a, err := other.Admit(t.Context(), attempt(callee)); err != nil || a.Allowed {
		t.Errorf("on another node: %+v, %v", a, err)
	}
}

// A revocation that comes while a decision is made denies the call, and what
// denies it stands in the ledger.
func TestRevocationWhileADecisionIsMade(t *testing.T) {
	t.Parallel()
	store, l := openStore(t, clustertest.URL(t))
	g := newGate(t, l, openSpool(t, t.TempDir()))
	times := 0
	g.cfg.Decide = func(a *compliance.Attempt, f *compliance.Facts) compliance.Decision {
		if times++; times == 1 {
			s, err := g.cfg.Keys.Suppression(stopCalling(callee))
			if err != nil {
				t.Error(err)
			}
			g.remember(&s) // its row waits for this decision
		}

		return rules(a, f)
	}
	a, err := g.Admit(t.Context(), attempt(callee))
	if err != nil || a.Allowed || a.Attempt != uuid.Nil || strings.Join(a.Reasons, ";") != "test: suppressed" {
		t.Fatalf("%+v, %v", a, err)
	}
	var allow bool
	if err := store.Pool().QueryRow(t.Context(), `SELECT allow FROM decisions WHERE id = $1`, a.Decision).Scan(&allow); err != nil || allow {
		t.Errorf("the decision that it names stands as %v, %v", allow, err)
	}
}

// A suppression that was lifted in the database denies no longer, on the node that
// took it either; one that waits for the database cannot be lifted there.
func TestLiftedSuppression(t *testing.T) {
	t.Parallel()
	store, l := openStore(t, clustertest.URL(t))
	g := newGate(t, l, openSpool(t, t.TempDir()))
	admitted := func() bool {
		t.Helper()
		a, err := g.Admit(t.Context(), attempt(callee))
		if err != nil {
			t.Fatal(err)
		}

		return a.Allowed
	}
	given := time.Now().Add(-time.Minute)
	order := stopCalling(callee)
	order.At = given.Add(-time.Hour)
	by := evidence.Act{ID: storage.NewID(), Tenant: "acme", Actor: "ann", Act: "suppress a number", At: time.Now()}
	if _, _, err := g.Suppress(t.Context(), order, by); err != nil {
		t.Fatal(err)
	}
	if admitted() {
		t.Error("admitted after a suppression")
	}
	eventually(t, "the suppression waits although the database is there", func() bool { return g.Waiting() == 0 })
	if n := acts(t, store, by.ID); n != 1 {
		t.Errorf("the act is recorded %d times", n)
	}
	consent := evidence.Consent{
		ID: uuid.New(), Number: callee, Seller: "acme-inc", Level: compliance.PriorExpressWritten, Purposes: []compliance.Purpose{compliance.Telemarketing}, CapturedAt: given,
	}
	if err := l.AddConsents(t.Context(), "acme", consent); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Lift(t.Context(), "acme", callee, consent.ID); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if !admitted() {
		t.Error("denied although the suppression was lifted")
	}
	if len(g.parties) != 0 {
		t.Errorf("the gate still remembers %v", g.parties)
	}
}

// acts counts the rows of an act.
func acts(t testing.TB, store *storage.Store, id uuid.UUID) (n int) {
	t.Helper()
	err := store.Pool().QueryRow(t.Context(), `SELECT count(*) FROM acts a JOIN ledger l ON l.id = a.id WHERE a.id = $1`, id).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}

	return n
}

// A seller's suppression whose seller is not known is of all sellers: the
// database would take no other.
func TestSuppressionOfAnUnknownSeller(t *testing.T) {
	t.Parallel()
	_, l := openStore(t, clustertest.URL(t))
	g := newGate(t, l, openSpool(t, t.TempDir()))
	for _, scope := range []compliance.Scope{"", compliance.ScopeSeller, compliance.ScopeMarketing} {
		to := privacy.Number(fmt.Sprintf("+1213555%04d", len(scope)))
		if err := g.Revoke(t.Context(), evidence.Order{Key: uuid.NewString(), Number: to, Scope: scope, Cause: "opt_out", At: time.Now()}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the suppression is not taken", func() bool { return g.Waiting() == 0 })
		all, err := l.SuppressionsOf(t.Context(), "acme", to)
		if err != nil || len(all) != 1 || all[0].Scope != compliance.ScopeTenant {
			t.Errorf("scope %q: %+v, %v", scope, all, err)
		}
	}
}

// startCluster is a database that a test may stop.
func startCluster(t testing.TB, dir string) *cluster.Cluster {
	t.Helper()
	c := cluster.New(cluster.Options{Dir: filepath.Join(dir, "pg"), Scratch: true, Connections: 40})
	if err := c.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})

	return c
}

func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	_ = clustertest.URL(t) // skips where PostgreSQL is absent
	dir := clustertest.Dir(t)
	c := startCluster(t, dir)
	store, l := openStore(t, c.URL())
	spooled := t.TempDir()
	revocations := openSpool(t, spooled)
	g := newGate(t, l, revocations)
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a, err := g.Admit(t.Context(), attempt(callee)); !errors.Is(err, storage.ErrAway) || a.Allowed {
		t.Errorf("with no database: %+v, %v", a, err)
	}
	if err := g.Revoke(t.Context(), stopCalling(callee)); err != nil {
		t.Fatalf("a revocation with no database: %v", err)
	}
	by := evidence.Act{ID: storage.NewID(), Tenant: "acme", Actor: "ann", Act: "suppress a number", At: time.Now()}
	if _, waits, err := g.Suppress(t.Context(), stopCalling("+12125550124"), by); err != nil || !waits {
		t.Fatalf("a suppression with no database: waits %v, %v", waits, err)
	}
	if g.Waiting() != 2 {
		t.Errorf("%d revocations wait", g.Waiting())
	}
	// The process dies. The next one denies before the database has it.
	g.Stop()
	if err := revocations.Close(); err != nil {
		t.Fatal(err)
	}
	next := newGate(t, l, openSpool(t, spooled))
	if got := next.revocations(compliance.Attempt{To: callee}); len(got) != 1 {
		t.Errorf("the next process knows %v", got)
	}
	startCluster(t, dir)
	for deadline := time.Now().Add(30 * time.Second); next.Waiting() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the revocation still waits")
		}
	}
	all, err := l.SuppressionsOf(t.Context(), "acme", callee)
	if err != nil || len(all) != 1 {
		t.Errorf("in the database stand %v, %v", all, err)
	}
	for _, to := range []privacy.Number{callee, "+12125550124"} {
		if a, err := next.Admit(t.Context(), attempt(to)); err != nil || a.Allowed {
			t.Errorf("afterwards: %+v, %v", a, err)
		}
	}
	if n := acts(t, store, by.ID); n != 1 {
		t.Errorf("the act that waited is recorded %d times", n)
	}
}

func TestRevocationThatIsKeptNowhere(t *testing.T) {
	t.Parallel()
	_, l := openStore(t, clustertest.URL(t))
	s := openSpool(t, t.TempDir())
	g := newGate(t, l, s)
	l.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := g.Revoke(t.Context(), stopCalling(callee)); !errors.Is(err, ErrNotKept) {
		t.Errorf("with neither database nor disk: %v", err)
	}
	if got := g.revocations(compliance.Attempt{To: callee}); len(got) != 1 {
		t.Error("and this process would dial")
	}
}

// However calls, revocations and restarts come together: no number is dialed
// four times, and none after its revocation has returned.
func TestNoDialAgainstTheRules(t *testing.T) {
	t.Parallel()
	_, l := openStore(t, clustertest.URL(t))
	var run int
	rapid.Check(t, func(t *rapid.T) {
		run++
		dir, err := os.MkdirTemp("", "gate")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		var nodes []*Gate
		for i := range rapid.IntRange(1, 3).Draw(t, "nodes") {
			files, err := spool.Directory(filepath.Join(dir, fmt.Sprint(i)))
			if err != nil {
				t.Fatal(err)
			}
			s, err := spool.Open(files, spool.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			g, err := New(Config{Ledger: l, Keys: testKeys(t), Revocations: s, Tenant: "acme", Decide: rules, Window: 24 * time.Hour, Clock: TrustedClock})
			if err != nil {
				t.Fatal(err)
			}
			nodes = append(nodes, g)
		}
		to := privacy.Number(fmt.Sprintf("+1212%07d", run))
		var mu sync.Mutex
		dialed, revoked := 0, false
		var workers sync.WaitGroup
		for w := range rapid.IntRange(2, 6).Draw(t, "workers") {
			g := nodes[w%len(nodes)]
			revokes := w == 0 && rapid.Bool().Draw(t, "revoke")
			workers.Go(func() {
				if revokes {
					if err := g.Revoke(context.Background(), stopCalling(to)); err != nil {
						t.Error(err)
					}
					mu.Lock()
					revoked = true
					mu.Unlock()

					return
				}
				for range 2 {
					mu.Lock()
					late := revoked
					mu.Unlock()
					a, err := g.Admit(context.Background(), attempt(to))
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					if a.Allowed {
						dialed++
						if late {
							t.Error("a dial after a revocation that had returned")
						}
					}
					mu.Unlock()
				}
			})
		}
		workers.Wait()
		if dialed > 3 {
			t.Errorf("%d dials", dialed)
		}
	})
}

func TestDialable(t *testing.T) {
	t.Parallel()
	for in, want := range map[privacy.Number]privacy.Number{
		"+12125550123": callee, "12125550123": callee, "2125550123": callee, "sip:+12125550123@host;user=phone": callee,
		"tel:+12125550123;phone-context=x": callee, "+442079460123": "+442079460123", "1001": "1001", "anonymous": "anonymous", "": "",
	} {
		if got := dialable(in); got != want {
			t.Errorf("%q is dialed as %q", string(in), string(got))
		}
	}
}
