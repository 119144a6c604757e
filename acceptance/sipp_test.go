package acceptance

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"trunkline/config"
	"trunkline/media/g711"
	"trunkline/storage"
)

// sipp runs a scenario against the gateway to its end, in a directory where
// its files are.
func (g *gateway) sipp(t *testing.T, scenario, dir string, args ...string) {
	t.Helper()
	need(t, "sipp", "sip-tester")
	file, err := filepath.Abs(filepath.Join("..", "testdata", "sipp", scenario+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	peer(t, 2*patience, dir, "sipp", append([]string{
		g.sip(), "-sf", file, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", freePort(t),
		"-nostdin", "-timeout", "100s", "-timeout_error", "-trace_err", "-error_file", "/dev/stderr",
	}, args...)...)
}

func TestSippCallsTheGateway(t *testing.T) {
	t.Parallel()
	tests := []struct {
		scenario string
		change   func(*config.Config)
		reason   string
		fault    storage.Fault
		answered bool
	}{
		{"call", nil, "caller_hangup", storage.FaultCaller, true},
		{"late_offer", nil, "caller_hangup", storage.FaultCaller, true},
		{"hold", nil, "caller_hangup", storage.FaultCaller, true},
		{"cancel", func(c *config.Config) { // it rings longer than the caller waits
			c.Agents[0].Recogniser.Declared.Ready = 4 * time.Second
		}, "caller_cancelled", storage.FaultCaller, false},
		{"lost_ack", func(c *config.Config) { // given up after 32 s without audio
			c.Calls.NoMedia = time.Minute
		}, "no_ack", storage.FaultCarrier, true},
		{"lost_bye", func(c *config.Config) {
			c.Agents[0].Idle = []time.Duration{300 * time.Millisecond, 300 * time.Millisecond}
		}, "caller_silent", storage.FaultCaller, true},
		{"vanish", func(c *config.Config) {
			c.Calls.NoMedia = time.Second
		}, "no_media", storage.FaultCarrier, true},
	}
	for _, test := range tests {
		t.Run(test.scenario, func(t *testing.T) {
			t.Parallel()
			g := serve(t, desk(), test.change)
			g.sipp(t, test.scenario, t.TempDir(), "-m", "1")
			h := g.only(t)
			checkEnd(t, h, test.reason, test.fault)
			if answered := !h.Call.AnsweredAt.IsZero(); answered != test.answered {
				t.Errorf("answered: %v, want %v", answered, test.answered)
			}
			if h.Call.Trunk != "peers" || h.Call.From != "sipp" || h.Call.Agent != "desk" || h.Call.DoorCallID == "" {
				t.Errorf("the record is %+v", h.Call)
			}
			if code, body := g.get("/calls/" + h.Call.ID.String()); code != 200 {
				t.Errorf("the call's page answers %d: %s", code, body)
			}
		})
	}
}

func TestSippOverTCP(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), nil)
	g.sipp(t, "call", t.TempDir(), "-m", "1", "-t", "t1")
	checkEnd(t, g.only(t), "caller_hangup", storage.FaultCaller)
}

// Both directions of a conversation, on the line and in the recording.
func TestSippWithSpeechBothWays(t *testing.T) {
	t.Parallel()
	g := serve(t, desk(), nil)
	watch := g.watch(t)
	dir := t.TempDir()
	said := speech(t, "what-are-your-opening-hours")
	payload := make([]byte, len(said))
	g711.PCMU.Encode(payload, said)
	if err := os.WriteFile(filepath.Join(dir, "caller.ulaw"), payload, 0o600); err != nil {
		t.Fatal(err)
	}
	g.sipp(t, "conversation", dir, "-m", "1")

	h := g.only(t)
	checkEnd(t, h, "caller_hangup", storage.FaultCaller)
	words := texts(h)
	want := []string{"Hello there.", "what are your opening hours", "We are open all day, every day."}
	if !slices.Equal(words, want) {
		t.Errorf("turns %q, want %q", words, want)
	}
	if last := h.Turns[len(h.Turns)-1]; !last.Latency.Measured() || string(last.HeardText) != want[2] || last.Interrupted {
		t.Errorf("the answer's record is %+v", last)
	}
	caller, agent := recording(t, h.Call.Recording)
	checkHas(t, "the caller in the recording", caller, said)
	// Two words of greeting and seven of answer, 300 ms each.
	const greeting, answer = 600 * time.Millisecond, 2100 * time.Millisecond
	checkLengths(t, "the agent in the recording", spurtsOf(agent), greeting, answer)

	callers, agents := watch.streams(t)
	if len(callers) != 1 || len(agents) != 1 {
		t.Fatalf("%d streams of callers and %d of agents on the line, want one each", len(callers), len(agents))
	}
	checkLengths(t, "the agent on the line", lengths(agents[0].Spurts), greeting, answer)
	if len(callers[0].Spurts) == 0 || agents[0].Lost > 0 {
		t.Errorf("the line had %+v and %+v", callers[0], agents[0])
	}
	if got, want := h.Call.Media.PacketsIn, uint64(callers[0].Packets); got != want {
		t.Errorf("%d packets in are recorded, %d were on the line", got, want)
	}
}

// The agent is silent while it is held, and goes on where it was.
func TestSippHoldsTheAgent(t *testing.T) {
	t.Parallel()
	agent := desk()
	agent.Greeting = "One two three four five six seven eight nine ten." // 3 s
	g := serve(t, agent, nil)
	watch := g.watch(t)
	g.sipp(t, "hold_listen", t.TempDir(), "-m", "1")

	h := g.only(t)
	checkEnd(t, h, "caller_hangup", storage.FaultCaller)
	if got := string(h.Turns[0].HeardText); got != agent.Greeting {
		t.Errorf("heard %q, want all of %q", got, agent.Greeting)
	}
	_, agents := watch.streams(t)
	var said, held time.Duration
	var last time.Time
	for _, s := range agents {
		for _, spurt := range s.Spurts {
			if !last.IsZero() {
				held = max(held, spurt.First.Sub(last))
			}
			said, last = said+spurt.Last.Sub(spurt.First), spurt.Last
		}
	}
	if held < 1900*time.Millisecond || held > 2800*time.Millisecond || (said-3*time.Second).Abs() > 200*time.Millisecond {
		t.Errorf("the agent spoke for %v with a silence of %v, want 3 s with one of 2 s", said, held)
	}
}

// texts are the words of all turns.
func texts(h *storage.History) []string {
	var words []string
	for i := range h.Turns {
		words = append(words, string(h.Turns[i].Text))
	}

	return words
}
