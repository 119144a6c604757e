package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"trunkline/bench/chaos"
)

// ErrLost says that the records do not account for what the world outside saw.
var ErrLost = errors.New("something was lost, or done that may not be")

// chaosCalls is what one run of chaos has.
type chaosCalls struct {
	calls          int
	lasts          time.Duration
	outages, kills int
}

// chaos breaks the gateway and its database while calls run. Unlike the other
// benchmarks it fails: when anything was lost.
func (b *bench) chaos(ctx context.Context) error {
	size := pick(b, chaosCalls{50, 30 * time.Second, 6, 3}, chaosCalls{12, 9 * time.Second, 3, 2})
	fmt.Fprintf(b.Out, "\nCalls in both directions, one half each, that begin within %v, while PostgreSQL, which syncs to its disk as one in service does, is stopped, paused (SIGSTOP)\n"+
		"and killed, and the gateway is killed at the moments that are named and started again. Of the people called every third says that it is a wrong number,\n"+
		"and every third is entered by the API; calls to them are ordered on and on, and of others more than the %d that a rule of the run's own allows.\n"+
		"Afterwards the evidence is exported and verified, and compared with what callers and callees saw: each dial has a decision that allowed it in time,\n"+
		"none comes after a confirmed wish, no fourth one comes at all, each answered call has a closed record, and all that was confirmed stands in the ledger.\n",
		size.lasts, chaos.Cap)
	seeds := []uint64{b.Seed}
	if b.Seed == 0 {
		seeds = nil
		for range pick(b, 3, 1) {
			seeds = append(seeds, rand.Uint64N(1_000_000))
		}
	}
	t := newTable("seed", "calls in", "calls out", "orders denied", "failed", "wishes confirmed", "database", "gateway killed", "ledger entries read", "wrong")
	var wrong []string
	for _, seed := range seeds {
		b.progressf("chaos: seed %d", seed)
		r, err := b.newChaosRun(chaos.New(seed, size.calls, size.lasts, size.outages, size.kills))
		if err != nil {
			return err
		}
		err = r.run(ctx)
		if err := errors.Join(err, r.close()); err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
		r.row(t)
		for _, w := range r.wrong {
			wrong = append(wrong, fmt.Sprintf("seed %d: %s", seed, w))
		}
	}
	t.write(b.Out)
	if len(wrong) > 0 {
		printNotes(b.Out, wrong)

		return fmt.Errorf("%w: %s", ErrLost, wrong[0])
	}

	return nil
}

// row adds what happened in a run.
func (r *chaosRun) row(t *table) {
	var denied, failed, confirmed int
	for _, o := range r.seen.Orders {
		switch {
		case o.Denied():
			denied++
		case o.Failed():
			failed++
		}
	}
	for _, w := range r.seen.Wishes {
		if !w.Promised.IsZero() {
			confirmed++
		}
	}
	faults, deaths := make([]string, len(r.plan.Outages)), make([]string, len(r.plan.Kills))
	for i, o := range r.plan.Outages {
		faults[i] = fmt.Sprintf("%v %.1f s", o.Fault, o.For.Seconds())
	}
	for i, k := range r.plan.Kills {
		deaths[i] = fmt.Sprintf("%v %d + %d ms", k.Moment, k.Nth, k.After.Milliseconds())
	}
	t.row(r.plan.Seed, r.takenIn, len(r.seen.Dials), denied, failed, confirmed, strings.Join(faults, ", "), strings.Join(deaths, ", "), r.entries, len(r.wrong))
}
