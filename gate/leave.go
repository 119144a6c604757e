package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"trunkline/call"
	"trunkline/compliance"
	"trunkline/storage/evidence"
)

// departure is a call between the last look at what speaks against it and the
// wire.
type departure struct{ left chan struct{} }

// Leave implements call.Gate. Until the call has left, a revocation of the
// called party's waits, on this node and by the database on the others: one that
// has returned is followed by no call, and one that comes later finds the call
// among those that ring.
func (g *Gate) Leave(ctx context.Context, a call.Attempt, by call.Admission) (left func(), err error) {
	attempt := g.attempt(&a)
	arrived := g.depart(g.cfg.Keys.Callee(attempt.To))
	release, err := g.cfg.Ledger.Depart(ctx, by.Attempt, &attempt)
	switch {
	case errors.Is(err, evidence.ErrOverruled):
		err = fmt.Errorf("%w: %w", call.ErrStale, err)
	case err == nil && (g.revokedFor(&attempt) || !time.Now().Before(by.Expires)):
		release()
		err = call.ErrStale
	}
	if err != nil {
		arrived()

		return nil, err
	}

	return func() {
		release()
		arrived()
	}, nil
}

// depart notes that a call of the callee's leaves, until arrived is called.
func (g *Gate) depart(of evidence.Callee) (arrived func()) {
	d := &departure{make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leaving[of] = append(g.leaving[of], d)

	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if i := slices.Index(g.leaving[of], d); i >= 0 {
			close(d.left)
			g.leaving[of] = slices.Delete(g.leaving[of], i, i+1)
		}
		if len(g.leaving[of]) == 0 {
			delete(g.leaving, of)
		}
	}
}

// revokedFor says whether a revocation of this process is about the attempt.
func (g *Gate) revokedFor(a *compliance.Attempt) bool {
	return slices.ContainsFunc(g.revocations(*a), func(s compliance.Suppression) bool { return a.StoppedBy(&s) })
}

// settle takes out the calls that ring with the person of a revocation that is
// remembered, and waits for those that are just leaving: none leaves behind it.
func (g *Gate) settle(ctx context.Context, s *evidence.Suppression) {
	fact := s.Fact()
	g.silence(s.Callee, fact)
	g.mu.Lock()
	leaving := slices.Clone(g.leaving[s.Callee])
	g.mu.Unlock()
	for _, d := range leaving {
		select {
		case <-d.left:
		case <-ctx.Done():
			return
		}
	}
	g.silence(s.Callee, fact)
}

// watch is a call that is not answered yet.
type watch struct {
	attempt compliance.Attempt
	revoked func()
}

// Watch implements call.Gate.
func (g *Gate) Watch(a call.Attempt, revoked func()) (forget func()) {
	w := &watch{g.attempt(&a), revoked}
	of := g.cfg.Keys.Callee(w.attempt.To)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ringing[of] = append(g.ringing[of], w)

	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.ringing[of] = slices.DeleteFunc(g.ringing[of], func(other *watch) bool { return other == w })
		if len(g.ringing[of]) == 0 {
			delete(g.ringing, of)
		}
	}
}

// silence tells the calls that ring with a person of what the person asked for.
func (g *Gate) silence(of evidence.Callee, all ...compliance.Suppression) {
	g.mu.Lock()
	watched := slices.Clone(g.ringing[of])
	g.mu.Unlock()
	for _, w := range watched {
		if slices.ContainsFunc(all, func(s compliance.Suppression) bool { return w.attempt.StoppedBy(&s) }) {
			w.revoked()
		}
	}
}

// listener hears of revocations on other nodes.
type listener struct {
	quit context.CancelFunc
	done chan struct{}
}

func (l *listener) start(g *Gate) {
	ctx, cancel := context.WithCancel(context.Background())
	l.quit, l.done = cancel, make(chan struct{})
	go func() {
		defer close(l.done)
		for ctx.Err() == nil {
			g.listen(ctx)
			select {
			case <-time.After(g.cfg.Retry):
			case <-ctx.Done():
			}
		}
	}()
}

func (l *listener) stop() {
	if l.done != nil {
		l.quit()
		<-l.done
	}
}

// listen listens until the connection breaks. What was missed before is looked
// up.
func (g *Gate) listen(ctx context.Context) {
	ready := func() {
		g.mu.Lock()
		var all []evidence.Callee
		for of := range g.ringing {
			all = append(all, of)
		}
		g.mu.Unlock()
		for _, of := range all {
			g.heard(ctx, of)
		}
	}
	err := g.cfg.Ledger.Listen(ctx, g.cfg.Tenant, ready, func(of evidence.Callee) { g.heard(ctx, of) })
	if ctx.Err() == nil {
		g.cfg.Log.Warn("calls that ring are not told of revocations on other nodes until the database is back", slog.Any("error", err))
	}
}

// heard looks up what a person asked for whom a call rings with.
func (g *Gate) heard(ctx context.Context, of evidence.Callee) {
	g.mu.Lock()
	known := len(g.ringing[of]) > 0
	g.mu.Unlock()
	if !known {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, g.cfg.Timeout)
	defer cancel()
	all, err := g.cfg.Ledger.Stops(ctx, g.cfg.Tenant, of)
	if err != nil {
		// Nobody rings on a guess.
		g.cfg.Log.Warn("a call that rings is given up: the person asked for something that could not be read", slog.Any("error", err))
		all = []compliance.Suppression{{Scope: compliance.ScopeEverything}}
	}
	g.silence(of, all...)
}
