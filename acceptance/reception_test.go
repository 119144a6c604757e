package acceptance

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"trunkline/config"
	"trunkline/media"
	"trunkline/softphone"
	"trunkline/softphone/talkspurt"
	"trunkline/softphone/wire"
	"trunkline/storage"
)

// The built-in reception desk, which hears and speaks offline, called by a
// real softphone and by trunkline's own.
func TestReception(t *testing.T) {
	t.Parallel()
	desk := config.Default().Agents[0]
	desk.Greeting = "Good morning, how can I help you?"
	g := serve(t, desk, nil)
	// The records tell the calls apart by their callers.
	t.Run("baresip", func(t *testing.T) {
		t.Parallel()
		need(t, "baresip", "baresip-core")
		calmly(t, func(a *attempt) { baresipCalls(a, g) })
	})
	t.Run("trunkline call", func(t *testing.T) {
		t.Parallel()
		calmly(t, func(a *attempt) { commandCalls(a, g) })
	})
}

// from finds the call of a caller, once it is closed.
func (g *gateway) from(t *testing.T, caller string) *storage.History {
	t.Helper()
	var found *storage.History
	eventually(t, patience, "the call of "+caller+" closed in the records", func() bool {
		for i, c := range g.calls(t) {
			if string(c.From) == caller && c.State == storage.Ended {
				found = &g.ended(t, 1)[i]
			}
		}

		return found != nil
	})

	return found
}

// baresipCalls has baresip ask for the opening hours and say goodbye.
func baresipCalls(a *attempt, g *gateway) {
	t, from := a.T, fmt.Sprintf("baresip-%d", a.number)
	watch := g.watch(t)
	hours, goodbye := speech(t, "what-are-your-opening-hours"), speech(t, "thank-you-goodbye")
	phone := baresip(t, from, baresipSettings{says: slices.Concat(silence(4*time.Second), hours, silence(11*time.Second), goodbye)})
	phone.do(t, "dial", g.target())
	h := g.from(t, from)

	checkEnd(a, h, "agent_goodbye", storage.FaultAgent)
	checkReception(a, h)
	caller, agent := recording(t, h.Call.Recording)
	checkHas(a, "the first question in the recording", caller, hours)
	checkHas(a, "the goodbye in the recording", caller, goodbye)
	answer := longest(agent)
	checkHas(a, "the agent's answer in what baresip heard", phone.heard(t), answer)
	_, agents := watch.streams(t)
	agents = slices.DeleteFunc(agents, func(s wire.Stream) bool { return s.Source.String() != h.Call.Media.Local })
	if len(agents) != 1 {
		t.Fatalf("%d streams of the call's agent on the line, want one", len(agents))
	}
	checkLengths(a, "the agent on the line", lengths(agents[0].Spurts), spurtsOf(agent)...)
}

// checkReception checks what was said at the reception desk.
func checkReception(t reporter, h *storage.History) {
	t.Helper()
	words := strings.ToLower(strings.Join(texts(h), "\n"))
	for _, want := range []string{"how can i help", "opening hours", "monday to friday", "goodbye", "thank you for calling"} {
		if !strings.Contains(words, want) {
			t.Errorf("nobody said %q: %q", want, texts(h))
		}
	}
}

// longest is the longest talkspurt of a recording.
func longest(samples []int16) []int16 {
	span := slices.MaxFunc(talkspurt.Spans(samples, 0), func(a, b talkspurt.Span) int {
		return (a.End - a.First) - (b.End - b.First)
	})

	return samples[span.First*media.FrameSamples : min(span.End*media.FrameSamples, len(samples))]
}

// commandCalls has the softphone of the command line do the same.
func commandCalls(a *attempt, g *gateway) {
	t, from := a.T, fmt.Sprintf("command-%d", a.number)
	audio := func(name string) string { return filepath.Join("..", "testdata", "audio", name+".wav") }
	out := filepath.Join(t.TempDir(), "out.wav")
	r := command(t, "call", g.target(), "--from", from, "--json", "--record", out, "--api", g.api(),
		"--play", audio("what-are-your-opening-hours"), "--play", audio("where-are-you-located"), "--play", audio("thank-you-goodbye"))
	if r.code != 0 {
		a.Errorf("exit %d: %s", r.code, r.stderr)

		return
	}
	var report softphone.Report
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		t.Fatalf("%v: %s", err, r.stdout)
	}
	h := g.from(t, from)
	checkEnd(a, h, "agent_goodbye", storage.FaultAgent)
	checkReception(a, h)
	if report.EndedBy != "agent" || report.Media.Verdict != "both ways" || report.TrunklineCallID != h.Call.ID.String() {
		a.Errorf("the report is %s", r.stdout)
	}
	if report.Response.Count != 3 || report.Response.MinMS <= 0 || report.Response.MaxMS > 5000 {
		a.Errorf("answers on the wire %+v, want three", report.Response)
	}
	if report.Transcript == nil || len(report.Transcript.Turns) != len(h.Turns) {
		t.Fatalf("the transcript is %+v, the record has %q", report.Transcript, texts(h))
	}
	for i, turn := range report.Transcript.Turns {
		if turn.Text != string(h.Turns[i].Text) || h.Turns[i].Latency.Measured() != (turn.LatencyMS["total"] > 0) {
			a.Errorf("turn %d is %+v in the transcript, %+v in the record", i+1, turn, h.Turns[i])
		}
	}
	caller, agent := recording(t, out)
	checkHas(a, "the caller in the softphone's recording", caller, speech(t, "where-are-you-located"))
	_, sent := recording(t, h.Call.Recording)
	checkHas(a, "the agent in the softphone's recording", agent, longest(sent))
}
