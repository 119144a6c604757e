package demo

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"trunkline/call"
	"trunkline/pipeline"
	"trunkline/pipeline/turn"
	"trunkline/privacy"
	"trunkline/storage"
	"trunkline/testdata"
)

func TestPlanIsFromTheFilesThatAreShipped(t *testing.T) {
	t.Parallel()
	plan, err := Plan(testdata.Files)
	if err != nil {
		t.Fatal(err)
	}
	var speech time.Duration
	interruptions := 0
	for _, s := range plan {
		speech += s.Clip.Duration()
		if strings.Contains(s.When.String(), "into the agent") {
			interruptions++
		}
	}
	if len(plan) < 4 || interruptions != 1 {
		t.Errorf("%d turns with %d interruptions: %v", len(plan), interruptions, plan)
	}
	if short := Short(plan); len(short) != ShortTurns || short[2].Clip != plan[len(plan)-1].Clip {
		t.Errorf("the short plan is %v", short)
	}
	if speech > 20*time.Second {
		t.Errorf("the caller alone speaks for %s", speech)
	}
}

func TestPlanNamesTheFileThatIsWrong(t *testing.T) {
	t.Parallel()
	if _, err := Plan(fstest.MapFS{}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), lines[0].file) {
		t.Errorf("a missing file: %v", err)
	}
	broken := fstest.MapFS{"audio/" + lines[0].file + ".wav": {Data: []byte("no audio")}}
	if _, err := Plan(broken); err == nil || !strings.Contains(err.Error(), lines[0].file) {
		t.Errorf("a broken file: %v", err)
	}
}

// conversation is a short call, as it is told.
func conversation(start time.Time) []call.Live {
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	judge := func(verdict string, reasons ...string) []turn.Action {
		return []turn.Action{{Kind: turn.Judge, Text: verdict, Reasons: reasons}}
	}
	return []call.Live{
		{Kind: call.LiveAnswered, At: at(1000)},
		{Kind: call.LiveWords, At: at(1000), Role: pipeline.Agent, Text: "Hello."},
		{Kind: call.LiveWords, At: at(2000), Role: pipeline.Agent, Text: "Hello.", Final: true},
		{Kind: call.LiveTurn, At: at(2000), Turn: &storage.Turn{Role: storage.Agent, Text: "Hello.", HeardText: "Hello.", StartedAt: at(1020)}},
		{Kind: call.LiveWords, At: at(2500), Role: pipeline.Caller, Text: "when are"},
		{Kind: call.LiveWords, At: at(2700), Role: pipeline.Caller, Text: "when are you open"},
		{Kind: call.LiveTurn, At: at(3500), Turn: &storage.Turn{Role: storage.Caller, Text: "when are you open", StartedAt: at(2300)}},
		{Kind: call.LiveWords, At: at(3500), Role: pipeline.Agent, Text: "We are open from nine to five on every day of the week but Sunday."},
		{Kind: call.LiveStep, At: at(4000), Actions: judge("backchannel", "a word of agreement")},
		{Kind: call.LiveStep, At: at(4500), Actions: judge("interruption", "2 words", "loud")},
		{Kind: call.LiveTurn, At: at(4600), Turn: &storage.Turn{
			Role: storage.Agent, Text: "We are open from nine to five on every day of the week but Sunday.",
			HeardText: "We are open from nine to five", Interrupted: true, StartedAt: at(3510),
			Latency: storage.Latency{Total: 560 * time.Millisecond, Stages: []storage.Stage{
				{Name: "endpoint", Took: 500 * time.Millisecond}, {Name: "first_token", Took: 60 * time.Millisecond},
			}},
		}},
		{Kind: call.LiveEnded, At: at(5000), Ended: &storage.Call{EndReason: string(call.CallerHangup)}},
	}
}

func show(width int) string {
	var out strings.Builder
	s := NewScreen(&out, width)
	s.Progress("opening the database")
	s.start = time.Now()
	s.Linef("the gateway is up")
	for _, l := range conversation(s.start) {
		s.Call(l)
	}

	return out.String()
}

func TestScreenThatIsNoTerminal(t *testing.T) {
	t.Parallel()
	want := `   0.0 s  … opening the database
the gateway is up
   1.0 s  the call is answered
   1.0 s  ▶ agent   Hello.
   2.3 s  ◀ caller  when are you open
   3.5 s  ▶ agent   We are open from nine to five on every day of the week but Sunday.
                    ✋ the caller agreed, the agent went on (a word of agreement)
                    ✋ the caller interrupted (2 words, loud)
                    the caller heard it until “… are open from nine to five”
                    answered after 560 ms: endpoint 500 · first token 60
   5.0 s  the call is over: the caller hung up
`
	if d := cmp.Diff(want, show(0)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestScreenOnATerminal sees what stands there in the end, and that words came
// before.
func TestScreenOnATerminal(t *testing.T) {
	t.Parallel()
	got := show(60)
	for _, passing := range []string{
		"   0.0 s  … opening the database\r\x1b[K",
		"   2.5 s  ◀ caller  when are\r\x1b[K   2.7 s  ◀ caller  when are you open\r\x1b[K",
	} {
		if !strings.Contains(got, passing) {
			t.Errorf("%q was not shown:\n%q", passing, got)
		}
	}
	var stands []string
	for _, line := range strings.Split(got, "\n") {
		parts := strings.Split(line, "\r\x1b[K")
		for _, p := range parts[:len(parts)-1] {
			if n := utf8.RuneCountInString(p); n >= 60 {
				t.Errorf("%q has %d columns and would wrap", p, n)
			}
		}
		stands = append(stands, parts[len(parts)-1])
	}
	want := `the gateway is up
   1.0 s  the call is answered
   1.0 s  ▶ agent   Hello.
   2.3 s  ◀ caller  when are you open
   3.5 s  ▶ agent   We are open from nine to five on every
                    day of the week but Sunday.
                    ✋ the caller agreed, the agent went on
                    (a word of agreement)
                    ✋ the caller interrupted (2 words,
                    loud)
                    the caller heard it until “… are open
                    from nine to five”
                    answered after 560 ms: endpoint 500 ·
                    first token 60
   5.0 s  the call is over: the caller hung up
`
	if d := cmp.Diff(want, strings.Join(stands, "\n")); d != "" {
		t.Errorf("what stands in the end (-want +got):\n%s", d)
	}
	if !strings.Contains(got, "▶ agent   …") || !strings.Contains(got, "day of the week but Sunday.\r") {
		t.Error("a line that is too long does not keep its latest words")
	}
}

func TestScreenOnAnyTerminal(t *testing.T) {
	t.Parallel()
	for width := 1; width < 100; width++ {
		if show(width) == "" {
			t.Error(width)
		}
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	good := func() *storage.History {
		h := &storage.History{Call: storage.Call{State: storage.Ended, EndReason: string(call.AgentGoodbye)}}
		for range 4 {
			h.Turns = append(h.Turns,
				storage.Turn{Role: storage.Caller, Text: privacy.Words("hello")},
				storage.Turn{Role: storage.Agent, Latency: storage.Latency{Total: time.Second}})
		}
		h.Turns[1].Interrupted = true

		return h
	}
	if err := Verdict(good(), Turns); err != nil {
		t.Errorf("a good call: %v", err)
	}
	for want, spoil := range map[string]func(h *storage.History){
		"not closed":                 func(h *storage.History) { h.Call.State = storage.InProgress },
		"heard 3 times":              func(h *storage.History) { h.Turns = h.Turns[1:] },
		"answered 3 times":           func(h *storage.History) { h.Turns[7].Latency.Total = 0 },
		"interruption did not stop":  func(h *storage.History) { h.Turns[1].Interrupted = false },
		"because the caller hung up": func(h *storage.History) { h.Call.EndReason = string(call.CallerHangup) },
	} {
		h := good()
		spoil(h)
		if err := Verdict(h, Turns); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
