package gate

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"trunkline/privacy"
	"trunkline/storage/cluster/clustertest"
	"trunkline/storage/evidence"
	"trunkline/storage/evidence/bundle"
)

// Evidence that was made in an outage of the database verifies as any other,
// and a changed byte of it is found in its line.
func TestEvidenceOfAnOutageVerifies(t *testing.T) {
	t.Parallel()
	_ = clustertest.URL(t) // skips where PostgreSQL is absent
	dir := clustertest.Dir(t)
	c := startCluster(t, dir)
	_, l := openStore(t, c.URL())
	g := newGate(t, l, openSpool(t, t.TempDir()))
	p := NewProofs(ProofsConfig{Ledger: l, Spool: openSpool(t, t.TempDir()), Timeout: 500 * time.Millisecond, Retry: 10 * time.Millisecond})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	admit := func(to privacy.Number, want bool) {
		t.Helper()
		if a, err := g.Admit(t.Context(), attempt(to)); err != nil || a.Allowed != want {
			t.Errorf("%+v, %v", a, err)
		}
	}
	admit(callee, true)
	admit("+12125550456", true)
	if err := c.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Revoke(t.Context(), stopCalling(callee)); err != nil {
		t.Error(err)
	}
	if err := p.Prove(t.Context(), evidence.Act{ID: uuid.New(), Tenant: "acme", Actor: "north", Act: "opening", At: time.Now()}); err != nil {
		t.Error(err)
	}
	if a, err := g.Admit(t.Context(), attempt("+12125550456")); err == nil {
		t.Errorf("in the outage: %+v", a)
	}
	startCluster(t, dir)
	for deadline := time.Now().Add(time.Minute); g.Waiting()+p.Waiting() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("evidence still waits")
		}
	}
	admit(callee, false)
	admit("+12125550456", true)

	var out bytes.Buffer
	heads, err := l.Export(context.Background(), &out, "acme", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), nil)
	if err != nil || len(heads) != 1 || heads[0].Seq < 9 {
		t.Fatalf("%+v, %v", heads, err)
	}
	good := out.Bytes()
	r, err := bundle.Verify(bytes.NewReader(good), nil)
	if err != nil || r.Kinds["suppression"] != 1 || r.Kinds["act"] != 1 || r.Kinds["attempt"] != 3 || r.Kinds["decision"] != 4 {
		t.Fatalf("%+v, %v", r, err)
	}
	at := 0
	for n, line := range bytes.SplitAfter(good, []byte("\n")) {
		if bytes.HasPrefix(line, []byte(`{"entry":`)) {
			bad := bytes.Clone(good)
			bad[at+len(line)/2] ^= 1
			_, err := bundle.Verify(bytes.NewReader(bad), nil)
			if broken, ok := errors.AsType[*bundle.BrokenError](err); !ok || broken.Line != n+1 {
				t.Errorf("line %d was changed: %v", n+1, err)
			}
		}
		at += len(line)
	}
}
