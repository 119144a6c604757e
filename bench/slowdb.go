package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"trunkline/config"
	"trunkline/softphone"
)

// slowDatabase compares turns with the database as it is and with answers that
// come late, on one gateway and by turns: both meet the same other work.
func (b *bench) slowDatabase(ctx context.Context) (err error) {
	const late = time.Second
	calls, rounds := pick(b, 20, 1), pick(b, 3, 1)
	plan, says, lasts, err := turnPlan(turnLines()[:pick(b, 4, 1)])
	if err != nil {
		return err
	}
	a := turnAgent()
	a.Recogniser.Declared = config.DeclaredRecogniser{FirstPartial: wordAfter - onsetAfter, Final: finalAfter, Says: says, Lasts: lasts}
	database, err := b.startLateDatabase(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.stop()) }()
	g, err := b.startGateway(ctx, "slowdb", a, func(c *config.Config) { c.Database.URL = database.url })
	if err != nil {
		return err
	}
	took := map[time.Duration]sample{}
	unanswered := map[time.Duration]int{}
	for round := range rounds {
		for _, by := range []time.Duration{0, late} {
			b.progressf("slowdb: round %d of %d, database late by %v", round+1, rounds, by)
			database.slow(by)
			h, err := b.converse(ctx, g, &talk{
				calls: calls, after: 1, ramp: pick(b, 2*time.Second, time.Second),
				call: softphone.Config{Target: g.target, Plan: plan, Gap: 300 * time.Millisecond, HangupAfter: 300 * time.Millisecond},
			})
			database.slow(0)
			if err != nil {
				return stopAfter(g, err)
			}
			whole := h.turns()
			took[by] = append(took[by], whole...)
			unanswered[by] += len(plan)*calls - len(whole)
		}
	}
	if err := g.stop(); err != nil {
		return err
	}
	fmt.Fprintf(b.Out, "\nFrom the last packet of the caller's speech to the first of the agent's, %d calls at once. Target: no measurable difference.\n", calls)
	t := newTable("database late by", "turns", "not answered, or cut in", "p50 ms", "p95 ms", "p99 ms", "ratio p50", "p95", "p99")
	for _, by := range []time.Duration{0, late} {
		s := took[by]
		t.row(by, len(s), unanswered[by], s.ms(.5), s.ms(.95), s.ms(.99), ratio(s, took[0], .5), ratio(s, took[0], .95), ratio(s, took[0], .99))
	}
	t.write(b.Out)

	return nil
}

// turns are the whole turns that nobody cut into.
func (h *heard) turns() (whole sample) {
	for i := range h.exchanges {
		if d, ok := h.exchanges[i].Response(); ok && !h.exchanges[i].CutIn {
			whole = append(whole, d)
		}
	}

	return whole
}
