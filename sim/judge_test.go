package sim

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"trunkline/pipeline"
)

const sec = time.Second

// conversation is a scenario and a call in which everything went well: a
// question, an interruption of its answer, and a murmur over the next one.
func conversation() (*Scenario, *Trace) {
	yes := true
	one := 1
	s := &Scenario{
		Name: "talk", File: "talk.yaml",
		Steps: []Step{
			{Say: "what are your hours", At: &When{Turn: true}, Expect: StepExpect{Heard: "hours", Within: sec}},
			{Interrupt: "and the address", At: &When{Words: 3}, Expect: StepExpect{
				Says: Patterns{"harbor"}, Never: Patterns{"nine"}, Yields: 200 * time.Millisecond, Tool: &ToolExpect{Name: "map", Args: map[string]string{"to": "^harbor"}},
			}},
			{Backchannel: "mm-hm", At: &When{Words: 3}, Expect: StepExpect{GoesOn: &yes, Silent: true}},
		},
		Expect: Expect{End: "caller_hangup", Turns: 2, DeadAir: 1200 * time.Millisecond, Ledger: &one},
	}
	sound := func(from, to float64) StepTrace {
		f, e := time.Duration(from*float64(sec)), time.Duration(to*float64(sec))

		return StepTrace{Began: f - 100*time.Millisecond, Ended: e + 100*time.Millisecond, Sound: Interval{f, e}, Heard: true}
	}
	t := &Trace{
		Steps: []StepTrace{sound(2, 3), sound(6, 7), sound(10, 10.3)},
		Voice: []Interval{{0, sec}, {4 * sec, 6100 * time.Millisecond}, {8 * sec, 13 * sec}},
		Turns: []TurnTrace{
			{Role: pipeline.Agent, Text: "Hello.", Heard: "Hello.", Ended: sec},
			{Role: pipeline.Caller, Text: "what are your hours", Heard: "what are your hours", Began: 2 * sec, Ended: 3 * sec},
			{Role: pipeline.Agent, Text: "From nine to five", Heard: "From nine", Interrupted: true, Began: 4 * sec, Ended: 6300 * time.Millisecond},
			{Role: pipeline.Caller, Text: "and the address", Heard: "and the address", Began: 6 * sec, Ended: 7 * sec},
			{Role: pipeline.Agent, Text: "At Harbor Street.", Heard: "At Harbor Street.", Began: 8 * sec, Ended: 13 * sec},
		},
		Verdicts: []Verdict{{At: 6300 * time.Millisecond, Verdict: "interruption"}, {At: 10500 * time.Millisecond, Verdict: "backchannel"}},
		Cuts:     []Cut{{Text: "From nine to five", Account: "From nine", Words: 2}},
		Tools:    []ToolTrace{{At: 7500 * time.Millisecond, Name: "map", Args: map[string]any{"to": "Harbor Street"}}},
		End:      "caller_hangup", Length: 15 * sec,
	}

	return s, t
}

func TestJudge(t *testing.T) {
	t.Parallel()
	s, trace := conversation()
	if f := Judge(s, trace); len(f) > 0 {
		t.Fatalf("a good call fails: %v", f)
	}
	for want, spoil := range map[string]func(*Scenario, *Trace){
		"was to say \"harbor\"; it said \"Where?\"": func(_ *Scenario, t *Trace) { t.Turns[4].Heard = "Where?" },
		"was never to say \"nine\"":                 func(_ *Scenario, t *Trace) { t.Turns[4].Heard = "Harbor Street from nine" },
		"was to take \"hours\" in one turn":         func(_ *Scenario, t *Trace) { t.Turns[1].Text = "what" },
		"replied after 1.2s, want within 1s":        func(_ *Scenario, t *Trace) { t.Voice[1].From = 4200 * time.Millisecond },
		"did not reply":                             func(_ *Scenario, t *Trace) { t.Voice = t.Voice[:1] },
		"went on for 300ms, want 200ms at most":     func(_ *Scenario, t *Trace) { t.Voice[1].To = 6300 * time.Millisecond },
		"was not cut off":                           func(_ *Scenario, t *Trace) { t.Turns[2].Interrupted = false },
		"nothing was interrupted":                   func(_ *Scenario, t *Trace) { t.Voice[1].To, t.Turns[2].Ended = 5*sec, 5*sec },
		"was to go on; it was cut off":              func(_ *Scenario, t *Trace) { t.Turns[4].Interrupted = true },
		"was to stop; it went on":                   func(s *Scenario, _ *Trace) { no := false; s.Steps[2].Expect.GoesOn = &no },
		"was to say nothing; it said \"Yes?\"": func(_ *Scenario, t *Trace) {
			t.Turns = append(t.Turns, TurnTrace{Role: pipeline.Agent, Heard: "Yes?", Began: 14 * sec})
		},
		"tool map was to be called with":                        func(_ *Scenario, t *Trace) { t.Tools[0].Args["to"] = "elsewhere" },
		"tool map was to be called 2 times":                     func(s *Scenario, _ *Trace) { s.Steps[1].Expect.Tool.Times = 2 },
		"was to end with caller_hangup; it ended with no_media": func(_ *Scenario, t *Trace) { t.End = "no_media" },
		"was to be handed off to \"desk\"":                      func(s *Scenario, _ *Trace) { s.Expect.HandOff = "desk" },
		"were to be 3 turns; the agent took 2":                  func(s *Scenario, _ *Trace) { s.Expect.Turns = 3 },
		"nobody spoke for 2s after step 2":                      func(_ *Scenario, t *Trace) { t.Voice[2].From = 9 * sec },
		"the caller heard 4 words; the account says":            func(_ *Scenario, t *Trace) { t.Cuts[0].Words = 4 },
		"was interrupted with the caller silent":                func(_ *Scenario, t *Trace) { t.Verdicts[0].At = 5 * sec },
		"the agent was quiet":                                   func(_ *Scenario, t *Trace) { t.Notes = []Entry{{What: "the agent was quiet for 8s"}} },
		"was never begun: the call ended before":                func(s *Scenario, t *Trace) { t.Steps = t.Steps[:2]; s.Expect.End = "" },
	} {
		s, trace := conversation()
		spoil(s, trace)
		failures := Judge(s, trace)
		found := false
		for _, f := range failures {
			found = found || strings.Contains(f.What, want)
		}
		if !found {
			t.Errorf("want %q, got %v", want, failures)
		}
	}
}

// report is one scenario that passed 1 of 2 runs, and one that was skipped.
func report() *Report {
	s, trace := conversation()
	trace.End = "no_media"
	r := &Result{Scenario: s, Name: s.Name, File: s.File, Need: 2, Runs: []Trial{
		{Seed: 7, Latencies: []time.Duration{sec}, Yields: []time.Duration{100 * time.Millisecond}},
		{Seed: 8, Latencies: []time.Duration{2 * sec}, Failures: Judge(s, trace), Trace: trace},
	}}
	r.sum()

	return &Report{Mode: Text, Seed: 7, Took: sec, Results: []*Result{r, {Name: "noise", Skipped: "not for mode text"}}}
}

func TestReportText(t *testing.T) {
	t.Parallel()
	r := report()
	var out bytes.Buffer
	if err := r.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"talk failed: 1 of 2 runs passed, want 2 (talk.yaml)", "run with seed 8:", "✗ call: the call was to end with caller_hangup; it ended with no_media",
		`   6.30 s    judged interruption: []`, `▶ agent: "From nine to five", heard until "From nine"`,
		"talk      FAIL     1/2   2        1000    2000    1              100", "noise     skipped", "0 of 1 scenarios passed",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing:\n%s", want, out.String())
		}
	}
	if r.OK() {
		t.Error("the report is good")
	}
	r.Results[0].Need = 1
	r.Results[0].Passed = 0
	r.Results[0].sum()
	if !r.OK() {
		t.Error("1 of 2 runs is enough, and the report is bad")
	}
}

func TestReportForMachines(t *testing.T) {
	t.Parallel()
	var junit bytes.Buffer
	if err := report().WriteJUnit(&junit); err != nil {
		t.Fatal(err)
	}
	var suites junitSuites
	if err := xml.Unmarshal(junit.Bytes(), &suites); err != nil {
		t.Fatal(err)
	}
	suite := suites.Suites[0]
	if suite.Tests != 2 || suite.Failures != 1 || suite.Skipped != 1 || !strings.Contains(suite.Cases[0].Failure.Text, "no_media") {
		t.Errorf("%+v", suite)
	}
	var b bytes.Buffer
	if err := report().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.Results[0].Runs[1].Trace.End != "no_media" || back.Results[0].Passed != 1 {
		t.Errorf("%s", b.String())
	}
}
