package gate

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"trunkline/call"
	"trunkline/compliance"
	"trunkline/privacy"
	"trunkline/storage/cluster/clustertest"
	"trunkline/storage/evidence"
)

// admitted is a call that may be dialed.
func admitted(t *testing.T, g *Gate, to privacy.Number) (call.Attempt, call.Admission) {
	t.Helper()
	dial := attempt(to)
	by, err := g.Admit(t.Context(), dial)
	if err != nil || !by.Allowed {
		t.Fatalf("%+v, %v", by, err)
	}

	return dial, by
}

// What a call was admitted by may end before the call leaves: it is looked at
// once more.
func TestWhatEndsAnAdmission(t *testing.T) {
	t.Parallel()
	_, l := openStore(t, clustertest.URL(t))
	here, there := newGate(t, l, openSpool(t, t.TempDir())), newGate(t, l, openSpool(t, t.TempDir()))
	consent := func(t *testing.T, to privacy.Number) uuid.UUID {
		t.Helper()
		c := evidence.Consent{
			ID: uuid.New(), Number: to, Seller: "acme-inc", Level: compliance.PriorExpress, Purposes: []compliance.Purpose{compliance.Telemarketing},
			CapturedAt: time.Now(), Method: "telephone",
		}
		if err := l.AddConsents(t.Context(), "acme", c); err != nil {
			t.Fatal(err)
		}

		return c.ID
	}
	for name, tt := range map[string]struct {
		to   privacy.Number
		then func(t *testing.T, to privacy.Number, dial *call.Attempt, by *call.Admission) error
		want error
	}{
		"nothing does": {"+13125550100", func(*testing.T, privacy.Number, *call.Attempt, *call.Admission) error { return nil }, nil},
		"a revocation on this node": {"+13125550101", func(t *testing.T, to privacy.Number, _ *call.Attempt, _ *call.Admission) error {
			return here.Revoke(t.Context(), stopCalling(to))
		}, call.ErrStale},
		"one on another": {"+13125550102", func(t *testing.T, to privacy.Number, _ *call.Attempt, _ *call.Admission) error {
			return there.Revoke(t.Context(), stopCalling(to))
		}, call.ErrStale},
		"one for another seller": {"+13125550103", func(t *testing.T, to privacy.Number, _ *call.Attempt, _ *call.Admission) error {
			o := stopCalling(to)
			o.Seller = "another"

			return there.Revoke(t.Context(), o)
		}, nil},
		"another person's": {"+13125550104", func(t *testing.T, _ privacy.Number, _ *call.Attempt, _ *call.Admission) error {
			return there.Revoke(t.Context(), stopCalling("+13125550999"))
		}, nil},
		"a consent taken back": {"+13125550105", func(t *testing.T, to privacy.Number, _ *call.Attempt, _ *call.Admission) error {
			return l.RevokeConsent(t.Context(), "acme", consent(t, to), time.Now(), "letter")
		}, call.ErrStale},
		"a consent given": {"+13125550106", func(t *testing.T, to privacy.Number, _ *call.Attempt, _ *call.Admission) error {
			consent(t, to)

			return nil
		}, nil},
		"its time": {"+13125550107", func(_ *testing.T, _ privacy.Number, _ *call.Attempt, by *call.Admission) error {
			by.Expires = time.Now()

			return nil
		}, call.ErrStale},
		"another attempt in its place": {"+13125550108", func(t *testing.T, _ privacy.Number, dial *call.Attempt, by *call.Admission) error {
			again := *dial
			again.Again = by.Attempt
			_, err := here.Admit(t.Context(), again)

			return err
		}, call.ErrStale},
		"an attempt that never was": {"+13125550109", func(_ *testing.T, _ privacy.Number, _ *call.Attempt, by *call.Admission) error {
			by.Attempt = uuid.New()

			return nil
		}, call.ErrStale},
		"another number's attempt": {"+13125550110", func(_ *testing.T, _ privacy.Number, dial *call.Attempt, _ *call.Admission) error {
			dial.To = "+13125550999"

			return nil
		}, call.ErrStale},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dial, by := admitted(t, here, tt.to)
			if err := tt.then(t, tt.to, &dial, &by); err != nil {
				t.Fatal(err)
			}
			left, err := here.Leave(t.Context(), dial, by)
			if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if err == nil {
				left()
				left()
			}
		})
	}
}

// A revocation that comes while a call leaves returns when the call has left,
// on its own node and on another.
func TestARevocationWaitsForTheWire(t *testing.T) {
	t.Parallel()
	_, l := openStore(t, clustertest.URL(t))
	here, there := newGate(t, l, openSpool(t, t.TempDir())), newGate(t, l, openSpool(t, t.TempDir()))
	for name, by := range map[string]*Gate{"here": here, "there": there} {
		to := privacy.Number("+1312555012" + map[string]string{"here": "1", "there": "2"}[name])
		dial, admission := admitted(t, here, to)
		left, err := here.Leave(t.Context(), dial, admission)
		if err != nil {
			t.Fatal(err)
		}
		var gone atomic.Bool
		revoked := make(chan bool, 1)
		go func() {
			err := by.Revoke(context.Background(), stopCalling(to))
			revoked <- err == nil && gone.Load()
		}()
		gone.Store(true)
		left()
		if !<-revoked {
			t.Errorf("%s: the revocation failed, or returned before the call had left", name)
		}
		if _, err := here.Leave(t.Context(), dial, admission); !errors.Is(err, call.ErrStale) {
			t.Errorf("%s: the next target is called: %v", name, err)
		}
	}
}

// A call that rings is told of a revocation, on whichever node it came, and of
// none that is not about it.
func TestARevocationReachesCallsThatRing(t *testing.T) {
	t.Parallel()
	_, l := openStore(t, clustertest.URL(t))
	here, there := newGate(t, l, openSpool(t, t.TempDir())), newGate(t, l, openSpool(t, t.TempDir()))
	for i, by := range []*Gate{here, there} {
		to := []privacy.Number{"+13125550131", "+13125550132"}[i]
		revoked, other := make(chan struct{}, 8), make(chan struct{}, 8)
		forget := here.Watch(attempt(to), func() { revoked <- struct{}{} })
		of := attempt(to)
		of.Seller = "another"
		forgetOther := here.Watch(of, func() { other <- struct{}{} })
		if err := by.Revoke(t.Context(), stopCalling(to)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-revoked:
		case <-time.After(30 * time.Second):
			t.Errorf("gate %d: nothing was told", i)
		}
		if len(other) > 0 {
			t.Errorf("gate %d: another seller's call was told", i)
		}
		forget()
		forgetOther()
		here.mu.Lock()
		if n := len(here.ringing); n > 0 {
			t.Errorf("%d are watched for ever", n)
		}
		here.mu.Unlock()
	}
}

// Revocations that came while nobody could tell are looked up afterwards.
func TestRevocationsThatWereMissedAreLookedUp(t *testing.T) {
	t.Parallel()
	dir := clustertest.Dir(t)
	server := startCluster(t, dir)
	_, l := openStore(t, server.URL())
	here, there := newGate(t, l, openSpool(t, t.TempDir())), newGate(t, l, openSpool(t, t.TempDir()))
	dial, by := admitted(t, here, callee)
	revoked := make(chan struct{}, 8)
	defer here.Watch(dial, func() { revoked <- struct{}{} })()
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := here.Leave(ctx, dial, by); err == nil || errors.Is(err, call.ErrStale) {
		t.Errorf("without a database: %v", err)
	}
	if err := there.Revoke(t.Context(), stopCalling(callee)); err != nil {
		t.Fatal(err)
	}
	startCluster(t, dir)
	select {
	case <-revoked:
	case <-time.After(30 * time.Second):
		t.Error("nothing was told when the database was back")
	}
}
