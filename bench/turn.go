package bench

import (
	"context"
	"fmt"
	"time"

	"trunkline/config"
	"trunkline/media/vad"
	"trunkline/pipeline/endpoint"
	"trunkline/softphone"
)

// What the declared providers of the turn benchmark do.
const (
	finalAfter = 150 * time.Millisecond
	tokenAfter = 350 * time.Millisecond
	audioAfter = 100 * time.Millisecond

	question = "what are your opening hours"
)

// turnAgent hears a whole question and gives a short reply.
func turnAgent() config.Agent {
	return config.Agent{
		Recogniser: config.Recogniser{Engine: "declared", Pool: 1000, Declared: config.DeclaredRecogniser{
			FirstPartial: 100 * time.Millisecond, PartialEvery: 100 * time.Millisecond,
			Final: finalAfter, Says: []string{question},
		}},
		Model: config.Model{Engine: "declared", Declared: config.DeclaredModel{
			FirstToken: tokenAfter, Replies: []string{"We are open."},
		}},
		Voice:    config.Voice{Engine: "declared", Declared: config.DeclaredVoice{FirstAudio: audioAfter, Speed: 20}},
		Greeting: "Hello, you.",
		Lines:    config.Lines{Idle: []string{"Hello?"}},
		Idle:     []time.Duration{time.Hour},
	}
}

// declaredShare is what a turn takes that is not trunkline's own: the silence
// that ends the question, or the recogniser's last words when those come
// later, and the providers after it.
func declaredShare() time.Duration {
	silence := endpoint.Decide(endpoint.Config{}, question).Wait
	words := vad.FastGate().Hangover + finalAfter

	return max(silence, words) + tokenAfter + audioAfter
}

// turn measures trunkline's own share of a turn.
func (b *bench) turn(ctx context.Context) error {
	clip, err := crispClip("yes-please")
	if err != nil {
		return err
	}
	g, err := b.startGateway(ctx, "turn", turnAgent())
	if err != nil {
		return err
	}
	plan := make([]softphone.Step, pick(b, 5, 2))
	for i := range plan {
		plan[i].Clip = clip
	}
	declared := declaredShare()
	fmt.Fprintf(b.Out, "\nFrom the last packet of the caller's speech to the first of the agent's, less %v of declared time: the silence that\n"+
		"ends the question (%v, from the last speech packet in; the recogniser's last words come within it), the model's\n"+
		"first token (%v) and the voice's first audio (%v). Target: p50 25 ms, p99 45 ms.\n",
		declared, declared-tokenAfter-audioAfter, tokenAfter, audioAfter)
	wireTable := newTable("calls", "turns", "p50 ms", "p95 ms", "p99 ms", "max ms", "cores: gateway", "callers", "capture", "idle")
	stages := newTable("calls", "stage", "declared ms", "p50 ms", "p99 ms", "max ms")
	var notes []string
	for _, n := range pick(b, []int{1, 50, 200}, []int{1, 5}) {
		b.progressf("turn: %d calls", n)
		h, err := b.converse(ctx, g, &talk{
			calls: n, after: pick(b, 6, 1), ramp: pick(b, 5*time.Second, time.Second),
			call: softphone.Config{Target: g.target, Plan: plan, Gap: 300 * time.Millisecond, HangupAfter: 300 * time.Millisecond},
		})
		if err != nil {
			return stopAfter(g, err)
		}
		var own sample
		for i := range h.exchanges {
			if d, ok := h.exchanges[i].Response(); ok && !h.exchanges[i].CutIn {
				own = append(own, d-declared)
			}
		}
		wireTable.row(n, len(own), own.ms(0.5), own.ms(0.95), own.ms(0.99), own.ms(1), h.cores(0), h.cores(1), h.cores(2), h.load.cores(h.load.idle))
		if want := len(plan) * len(h.reports); len(own) != want {
			notes = append(notes, fmt.Sprintf("%s: %d of %d turns were answered", callsAtOnce(n), len(own), want))
		}
		notes = append(notes, h.notes(n)...)
		if err := b.addStages(ctx, stages, g, n, h); err != nil {
			notes = append(notes, fmt.Sprintf("%s: no stages: %v", callsAtOnce(n), err))
		}
	}
	wireTable.write(b.Out)
	fmt.Fprint(b.Out, "\nThe same turns by the gateway's own ledger, less what was declared for each stage:\n")
	stages.write(b.Out)
	printNotes(b.Out, notes)

	return g.stop()
}

// ledgerStages are the stages of the records and what was declared for them.
func ledgerStages() []struct {
	name     string
	declared time.Duration
} {
	return []struct {
		name     string
		declared time.Duration
	}{
		{"endpoint", declaredShare() - tokenAfter - audioAfter},
		{"first_token", tokenAfter},
		{"first_sentence", 0},
		{"first_sample", audioAfter},
		{"first_packet", 0},
		{"total", declaredShare()},
	}
}

// addStages reads the calls' records and says where the time went.
func (b *bench) addStages(ctx context.Context, t *table, g *gateway, n int, h *heard) error {
	took := map[string]sample{}
	for _, r := range h.reports {
		transcript, err := softphone.FetchTranscript(ctx, g.api, r.TrunklineCallID)
		if err != nil {
			return err
		}
		for _, turn := range transcript.Turns {
			for stage, ms := range turn.LatencyMS {
				took[stage] = append(took[stage], time.Duration(ms*float64(time.Millisecond)))
			}
		}
	}
	for _, s := range ledgerStages() {
		var own sample
		for _, d := range took[s.name] {
			own = append(own, d-s.declared)
		}
		t.row(n, s.name, s.declared.Milliseconds(), own.ms(0.5), own.ms(0.99), own.ms(1))
	}

	return nil
}
