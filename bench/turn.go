package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"trunkline/config"
	"trunkline/softphone"
)

// What the declared providers of the turn benchmark do.
const (
	wordAfter  = 60 * time.Millisecond
	onsetAfter = 40 * time.Millisecond // of speech begins a talkspurt
	finalAfter = 150 * time.Millisecond
	tokenAfter = 350 * time.Millisecond
	audioAfter = 100 * time.Millisecond

	question = "what are your opening hours"
)

// turnLines are what the callers of the turn benchmark say, in turn: questions,
// requests, an appointment, a name and short answers. They are files of the
// sample speech; the names are the words.
func turnLines() []string {
	return []string{
		"what-are-your-opening-hours", "where-are-you-located", "are-you-open-on-saturday",
		"i-would-like-to-book-an-appointment", "on-wednesday-at-three-in-the-afternoon", "my-name-is-john-smith",
		"yes-please", "i-would-like-to-speak-to-a-person",
	}
}

// turnAgent hears whole lines and gives a short reply to each.
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

// turn measures whole turns, and trunkline's own share of them.
func (b *bench) turn(ctx context.Context) error {
	names := turnLines()[:pick(b, len(turnLines()), 2)]
	plan, says, lasts, err := turnPlan(names)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.Out, "\nFrom the last packet of the caller's speech to the first of the agent's, with the wait for the end of the turn, over %d lines\n"+
		"of a caller (%s).\n"+
		"Declared: each word is known about %v after it was spoken, the last words %v after the silence was noticed,\n"+
		"the model's first token comes after %v, the voice's first audio after %v.\n"+
		"Target: p50 550 ms, p95 700 ms; trunkline's own share at 200 calls: p99 45 ms.\n",
		len(names), strings.Join(says, ", "), wordAfter, finalAfter, tokenAfter, audioAfter)
	whole := newTable("speculation", "calls", "turns", "p50 ms", "p95 ms", "p99 ms", "max ms", "cut in", "cores: gateway", "callers", "capture", "idle")
	own := newTable("speculation", "calls", "turns", "part", "p50 ms", "p95 ms", "p99 ms", "max ms")
	var notes []string
	for _, set := range []struct {
		speculate bool
		calls     []int
	}{{false, pick(b, []int{1, 50, 200}, []int{1})}, {true, pick(b, []int{1, 50, 200}, []int{5})}} {
		speculate := set.speculate
		a := turnAgent()
		a.Recogniser.Declared = config.DeclaredRecogniser{
			FirstPartial: wordAfter - onsetAfter, Final: finalAfter, Says: says, Lasts: lasts,
		}
		a.Speculation.Enabled = &speculate
		g, err := b.startGateway(ctx, "turn", a)
		if err != nil {
			return err
		}
		for _, n := range set.calls {
			b.progressf("turn: %d calls, speculation %s", n, onOff(speculate))
			h, err := b.converse(ctx, g, &talk{
				calls: n, after: 1, ramp: pick(b, 5*time.Second, time.Second),
				call: softphone.Config{Target: g.target, Plan: plan, Gap: 300 * time.Millisecond, HangupAfter: 300 * time.Millisecond},
			})
			if err != nil {
				return stopAfter(g, err)
			}
			notes = append(notes, turnRow(whole, h, speculate, n, len(plan))...)
			if err := ownRows(ctx, own, g, h, speculate, n); err != nil {
				notes = append(notes, fmt.Sprintf("%s: no own share: %v", callsAtOnce(n), err))
			}
		}
		if err := g.stop(); err != nil {
			return err
		}
	}
	whole.write(b.Out)
	fmt.Fprintf(b.Out, "\nThe same turns by part. The wait is from the last speech packet to the end of the turn, by the gateway's ledger. What is left\n"+
		"of the whole after the wait and what is declared for model and voice is trunkline's own share: its stages, the player's\n"+
		"tick and the wire. With speculation model and voice run during the wait: the share is what is left after the longer of the\n"+
		"wait and %v, in which the last word, the model and the voice are there one after another. It is below 0 where the last word\n"+
		"was known sooner.\n", wordAfter+tokenAfter+audioAfter)
	own.write(b.Out)
	printNotes(b.Out, notes)

	return nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}

	return "off"
}

// turnPlan has a caller say recorded lines, and tells their words and lengths.
func turnPlan(names []string) (plan []softphone.Step, says []string, lasts []time.Duration, err error) {
	for _, name := range names {
		clip, err := crispClip(name)
		if err != nil {
			return nil, nil, nil, err
		}
		plan, says, lasts = append(plan, softphone.Step{Clip: clip}), append(says, strings.ReplaceAll(name, "-", " ")), append(lasts, clip.Duration())
	}

	return plan, says, lasts, nil
}

// turnRow adds the whole turns of some calls, and gives the notes on them.
func turnRow(t *table, h *heard, speculate bool, calls, lines int) []string {
	var whole sample
	cutIn := 0
	for i := range h.exchanges {
		if h.exchanges[i].CutIn {
			cutIn++

			continue
		}
		if d, ok := h.exchanges[i].Response(); ok {
			whole = append(whole, d)
		}
	}
	t.row(onOff(speculate), calls, len(whole), whole.ms(0.5), whole.ms(0.95), whole.ms(0.99), whole.ms(1), cutIn,
		h.cores(0), h.cores(1), h.cores(2), h.load.cores(h.load.idle))
	notes := h.notes(calls)
	if want := lines * len(h.reports); len(whole)+cutIn != want {
		notes = append(notes, fmt.Sprintf("%s: %d of %d turns were answered", callsAtOnce(calls), len(whole)+cutIn, want))
	}

	return notes
}

// ownRows reads the calls' records and says where the time of each turn went.
func ownRows(ctx context.Context, t *table, g *gateway, h *heard, speculate bool, calls int) error {
	var waits, own sample
	for _, r := range h.reports {
		transcript, err := softphone.FetchTranscript(ctx, g.api, r.TrunklineCallID)
		if err != nil {
			return err
		}
		var endpoints []time.Duration
		for _, turn := range transcript.Turns {
			if _, replied := turn.LatencyMS["total"]; replied {
				endpoints = append(endpoints, time.Duration(turn.LatencyMS["endpoint"]*float64(time.Millisecond)))
			}
		}
		exchanges := h.byCall[r.Media.Local]
		if len(exchanges) != len(endpoints) {
			continue // a line was taken for two, or two for one: they cannot be paired
		}
		for i := range exchanges {
			if d, ok := exchanges[i].Response(); ok && !exchanges[i].CutIn {
				waits = append(waits, endpoints[i])
				declared := endpoints[i] + tokenAfter + audioAfter
				if speculate {
					declared = max(endpoints[i], wordAfter+tokenAfter+audioAfter)
				}
				own = append(own, d-declared)
			}
		}
	}
	for _, part := range []struct {
		name string
		took sample
	}{{"wait for the end", waits}, {"own share", own}} {
		t.row(onOff(speculate), calls, len(part.took), part.name, part.took.ms(0.5), part.took.ms(0.95), part.took.ms(0.99), part.took.ms(1))
	}

	return nil
}
