package bench

import (
	"context"
	"fmt"
	"time"

	"trunkline/config"
	"trunkline/softphone"
)

// bargeinAgent speaks at length and hears two words soon after an onset.
func bargeinAgent() config.Agent {
	a := turnAgent()
	a.Recogniser.Declared = config.DeclaredRecogniser{
		FirstPartial: 150 * time.Millisecond, PartialEvery: 60 * time.Millisecond,
		Final: 50 * time.Millisecond, Says: []string{question},
	}
	a.Model.Declared = config.DeclaredModel{
		FirstToken: 50 * time.Millisecond,
		Replies:    []string{"We are open on every day of the week, and on holidays."},
	}
	a.Voice.Declared.FirstAudio = 20 * time.Millisecond

	return a
}

// bargein measures how soon the agent falls silent for a caller who speaks
// over it.
func (b *bench) bargein(ctx context.Context) error {
	clip, err := crispClip("where-are-you-located")
	if err != nil {
		return err
	}
	g, err := b.startGateway(ctx, "bargein", bargeinAgent())
	if err != nil {
		return err
	}
	// The first question makes the agent talk; all others interrupt it.
	plan := make([]softphone.Step, 1+pick(b, 5, 2))
	for i := range plan {
		plan[i].Clip = clip
		if i > 0 {
			plan[i].When = softphone.AfterAgentStarts(1200*time.Millisecond + 37*time.Millisecond*time.Duration(i))
		}
	}
	fmt.Fprint(b.Out, "\nFrom the first packet of the caller's speech, which is loud, to the last packet with the agent's audio. Target: p95 100 ms.\n")
	t := newTable("calls", "interruptions", "p50 ms", "p95 ms", "p99 ms", "max ms", "cores: gateway", "callers", "capture", "idle")
	var notes []string
	for _, n := range pick(b, []int{1, 50, 200}, []int{1, 5}) {
		b.progressf("bargein: %d calls", n)
		h, err := b.converse(ctx, g, &talk{
			calls: n, after: pick(b, 6, 1), ramp: pick(b, 5*time.Second, time.Second),
			call: softphone.Config{
				Target: g.target, Plan: plan, HangupAfter: 100 * time.Millisecond,
				MaxDuration: time.Minute,
			},
		})
		if err != nil {
			return stopAfter(g, err)
		}
		var yields sample
		for i := range h.exchanges {
			if d, ok := h.exchanges[i].Yield(); ok {
				yields = append(yields, d)
			}
		}
		t.row(n, len(yields), yields.ms(0.5), yields.ms(0.95), yields.ms(0.99), yields.ms(1), h.cores(0), h.cores(1), h.cores(2), h.load.cores(h.load.idle))
		if want := (len(plan) - 1) * len(h.reports); len(yields) != want {
			notes = append(notes, fmt.Sprintf("%s: %d of %d interruptions were found", callsAtOnce(n), len(yields), want))
		}
		notes = append(notes, h.notes(n)...)
	}
	t.write(b.Out)
	printNotes(b.Out, notes)

	return g.stop()
}
