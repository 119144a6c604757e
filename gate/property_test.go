package gate

import (
	"context"
	"errors"
	"fmt"
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
	"trunkline/storage/cluster/clustertest"
	"trunkline/storage/evidence"
	"trunkline/storage/spool"
)

// fleet are the nodes of a property's run, which share a database and may be
// restarted.
type fleet struct {
	ledger *evidence.Ledger
	dir    string
	nodes  []*node
}

// node is a gate with its spool. Its lock keeps restarts from what it does.
type node struct {
	sync.RWMutex

	gate   *Gate
	spool  *spool.Spool
	offset time.Duration // of its clock, as it knows
}

// start starts the ith node, again after a crash: with the spool that was left.
func (f *fleet) start(i int) error {
	files, err := spool.Directory(filepath.Join(f.dir, fmt.Sprint(i)))
	if err != nil {
		return err
	}
	n := f.nodes[i]
	if n.spool, err = spool.Open(files, spool.Options{}); err != nil {
		return err
	}
	n.gate, err = New(Config{
		Ledger: f.ledger, Keys: testKeys(panics{}), Revocations: n.spool, Tenant: "acme", Window: 24 * time.Hour,
		Decide:  clocked,
		Clock:   func() compliance.Fact[time.Duration] { return compliance.Know(n.offset) },
		Timeout: 500 * time.Millisecond, Retry: 10 * time.Millisecond,
	})
	if err != nil {
		return err
	}

	return n.gate.Start()
}

// panics is for what cannot fail.
type panics struct{}

func (panics) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// crash ends a node as a process that dies: what it knew is gone.
func (f *fleet) crash(i int) error {
	n := f.nodes[i]
	n.gate.Stop()

	return n.spool.Close()
}

// clocked are the test's rules, and that a clock which is known to be wrong
// denies, as house-clock does.
func clocked(a *compliance.Attempt, f *compliance.Facts) compliance.Decision {
	d := rules(a, f)
	if !f.ClockOffset.Known || f.ClockOffset.Value.Abs() > time.Second {
		d.Allow, d.ValidFor = false, 0
		d.Reasons = append(d.Reasons, compliance.Reason{Rule: "test", Verdict: compliance.Deny, Code: "NO", Why: "the clock"})
	}

	return d
}

// act is something that happens to a person, or to a node.
type act struct {
	kind  string
	node  int
	step  time.Duration
	pause time.Duration // between an admission and the wire
}

// outcome is what came of an act of admission or revocation.
type outcome struct {
	began, ended time.Time
	admission    call.Admission
	wire         time.Time // when an admitted call left; zero: it did not
	revoked      bool
}

// However calls, revocations, crashes and steps of clocks come together on
// several nodes: no number is dialed a fourth time, none after a revocation of
// it has returned, however long before that it was admitted, and no dial is
// without an attempt whose decision allows it and holds still.
func TestNoInterleavingDialsAgainstTheRules(t *testing.T) {
	t.Parallel()
	store, l := openStore(t, clustertest.URL(t))
	kinds := rapid.SampledFrom([]string{"admit", "admit", "admit", "revoke", "crash", "clock"})
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		dir, err := os.MkdirTemp("", "gate")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		f := &fleet{ledger: l, dir: dir}
		for i := range rapid.IntRange(1, 3).Draw(t, "nodes") {
			f.nodes = append(f.nodes, &node{})
			if err := f.start(i); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := f.crash(i); err != nil {
					t.Error(err)
				}
			}()
		}
		to := privacy.Number(fmt.Sprintf("+1312%07d", run))
		var mu sync.Mutex
		var all []outcome
		var workers sync.WaitGroup
		for w := range rapid.IntRange(1, 4).Draw(t, "workers") {
			acts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) act {
				return act{
					kind: kinds.Draw(t, "kind"), node: rapid.IntRange(0, len(f.nodes)-1).Draw(t, "node"),
					step:  time.Duration(rapid.IntRange(-90_000, 90_000).Draw(t, "step")) * time.Second,
					pause: time.Duration(rapid.SampledFrom([]int{0, 0, 1, 5}).Draw(t, "pause")) * time.Millisecond,
				}
			}), 1, 6).Draw(t, fmt.Sprintf("acts of %d", w))
			workers.Go(func() {
				for _, a := range acts {
					out, err := f.do(a, to)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					all = append(all, out)
					mu.Unlock()
				}
			})
		}
		workers.Wait()
		checkOutcomes(t, store, all)
	})
}

// do does one act.
func (f *fleet) do(a act, to privacy.Number) (outcome, error) {
	n := f.nodes[a.node]
	out := outcome{began: time.Now()}
	switch a.kind {
	case "crash":
		n.Lock()
		defer n.Unlock()

		return out, errors.Join(f.crash(a.node), f.start(a.node))
	case "clock":
		n.Lock()
		defer n.Unlock()
		n.offset = a.step

		return out, nil
	}
	n.RLock()
	defer n.RUnlock()
	var err error
	if a.kind == "revoke" {
		err = n.gate.Revoke(context.Background(), stopCalling(to))
		out.revoked = err == nil
		out.ended = time.Now()

		return out, err
	}
	dial := attempt(to)
	out.admission, err = n.gate.Admit(context.Background(), dial)
	out.ended = time.Now()
	if err != nil || !out.admission.Allowed {
		return out, err
	}
	time.Sleep(a.pause) // in a local queue, while others act
	left, err := n.gate.Leave(context.Background(), dial, out.admission)
	if errors.Is(err, call.ErrStale) {
		return out, nil
	}
	if err == nil {
		out.wire = time.Now()
		left()
	}

	return out, err
}

// checkOutcomes checks what came of all acts that were about one person.
func checkOutcomes(t *rapid.T, store *storage.Store, all []outcome) {
	dials := 0
	for _, o := range all {
		if o.admission.Decision == uuid.Nil {
			continue
		}
		var allow, attempted bool
		var from, until time.Time
		err := store.Pool().QueryRow(context.Background(), `SELECT allow, decided_at, valid_until,
			EXISTS (SELECT FROM attempts a WHERE a.decision_id = d.id AND a.id = $2) FROM decisions d WHERE id = $1`,
			o.admission.Decision, o.admission.Attempt).Scan(&allow, &from, &until, &attempted)
		if err != nil || allow != o.admission.Allowed || attempted != o.admission.Allowed {
			t.Errorf("%+v stands in the database as allowed %v, attempted %v: %v", o.admission, allow, attempted, err)
		}
		if !o.admission.Allowed {
			continue
		}
		dials++
		if o.ended.After(until) || o.ended.After(o.admission.Expires) || from.After(o.ended) {
			t.Errorf("admitted at %v by a decision that holds from %v to %v, as told to %v", o.ended, from, until, o.admission.Expires)
		}
		for _, r := range all {
			if r.revoked && o.began.After(r.ended) {
				t.Errorf("admitted at %v, after a revocation at %v", o.began, r.ended)
			}
			if r.revoked && o.wire.After(r.ended) {
				t.Errorf("admitted at %v and dialed at %v, after a revocation at %v", o.began, o.wire, r.ended)
			}
		}
	}
	if dials > 3 {
		t.Errorf("%d dials", dials)
	}
}

// An admission ends when its time has passed, whatever becomes of the clock on
// the wall meanwhile.
func TestAdmissionEndsByElapsedTime(t *testing.T) {
	t.Parallel()
	_, l := openStore(t, clustertest.URL(t))
	g := newGate(t, l, openSpool(t, t.TempDir()))
	a, err := g.Admit(t.Context(), attempt(callee))
	if err != nil || !a.Allowed {
		t.Fatalf("%+v, %v", a, err)
	}
	if monotonic := a.Expires.String(); !strings.Contains(monotonic, " m=") {
		t.Errorf("the admission expires at %s, by the wall's clock", monotonic)
	}
}
