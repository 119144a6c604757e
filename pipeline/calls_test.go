package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"trunkline/pipeline"
	"trunkline/pipeline/declared"
	"trunkline/pipeline/pipelinetest"
	"trunkline/pipeline/turn"
)

// bench is a set of tools whose calls the test sees.
type bench struct {
	mu    sync.Mutex
	tools map[string]benchTool
	calls []benchCall
}

type benchTool struct {
	traits pipeline.ToolTraits
	takes  time.Duration
	// gives is the outcome of its nth call; nil: "done".
	gives func(n int) pipeline.ToolOutcome
}

type benchCall struct {
	Name, Args, Key string
	Ended           bool // it ran to its end
}

func (b *bench) Specs() (all []pipeline.ToolSpec) {
	for n := range b.tools {
		all = append(all, pipeline.ToolSpec{Name: n, Description: n, Parameters: json.RawMessage(`{"type":"object"}`)})
	}

	return all
}

func (b *bench) Traits(name string) pipeline.ToolTraits { return b.tools[name].traits }

func (b *bench) Run(ctx context.Context, s pipeline.ToolScope, c pipeline.ToolCall) pipeline.ToolOutcome {
	b.mu.Lock()
	i := len(b.calls)
	b.calls = append(b.calls, benchCall{Name: c.Name, Args: string(c.Args), Key: s.Key})
	n := 0
	for _, other := range b.calls[:i] {
		if other.Name == c.Name {
			n++
		}
	}
	b.mu.Unlock()
	tool := b.tools[c.Name]
	out := pipeline.ToolOutcome{Result: pipeline.ToolResult{Content: fmt.Sprintf("done %d", n)}}
	if tool.gives != nil {
		out = tool.gives(n)
	}
	out.Result.ID, out.Result.Name = c.ID, c.Name
	wait := time.NewTimer(tool.takes)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		out.Result.Content, out.Result.Failed = "cancelled", true

		return out
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls[i].Ended = true

	return out
}

func (b *bench) made() []benchCall {
	b.mu.Lock()
	defer b.mu.Unlock()

	return slices.Clone(b.calls)
}

// results are the contents of all results in a history.
func results(h []pipeline.Message) (all []string) {
	for _, m := range h {
		for _, r := range m.Results {
			all = append(all, r.Content)
		}
	}

	return all
}

// rounds is a model that writes a text and calls in its first generations of
// every reply, one after another, and then the last text.
func rounds(last string, steps ...step) *declared.Model {
	at := func(req pipeline.Request) int {
		n := 0
		for i := len(req.History) - 1; i >= 0 && req.History[i].Role != pipeline.Caller; i-- {
			if req.History[i].Role == pipeline.Tool {
				n++
			}
		}

		return n
	}

	return &declared.Model{
		FirstToken: 300 * ms, TokensPerSecond: 50,
		Reply: func(req pipeline.Request) (string, *pipeline.Act) {
			if n := at(req); n < len(steps) {
				return steps[n].text, nil
			}

			return strings.ReplaceAll(last, "{result}", strings.Join(results(req.History), " and ")), nil
		},
		Calls: func(req pipeline.Request) []pipeline.ToolCall {
			if n := at(req); n < len(steps) {
				return steps[n].calls
			}

			return nil
		},
	}
}

type step struct {
	text  string
	calls []pipeline.ToolCall
}

func tool(name, args string) pipeline.ToolCall {
	return pipeline.ToolCall{ID: "same", Name: name, Args: json.RawMessage(args)}
}

func fast(sideEffect bool) benchTool {
	return benchTool{traits: pipeline.ToolTraits{SideEffect: sideEffect}, takes: 50 * ms}
}

func TestToolsRunWhileTheAgentSpeaks(t *testing.T) {
	b := &bench{tools: map[string]benchTool{"look": {takes: 700 * ms}, "ask": {takes: 500 * ms}}}
	converse(t, options{
		says:  []string{"when is my appointment"},
		model: rounds("It is {result}.", step{"Let me look that up for you.", []pipeline.ToolCall{tool("look", `{"day": "monday"}`), tool("ask", `{}`)}}),
		cfg:   pipeline.Config{Tools: b},
	}, func(c *call) {
		c.AgentSaid(1)
		c.Speak(time.Second)
		c.AgentSaid(2)
		c.Same("turn", "Let me look that up for you. It is done 0 and done 0.", c.lastTurn().Text)
		c.Speak(time.Second)
		c.Await(turn.Thinking)
		c.AgentSaid(3)
		want := []pipeline.Message{
			{Role: pipeline.Agent, Text: texts.Greeting},
			{Role: pipeline.Caller, Text: "when is my appointment"},
			{Role: pipeline.Agent, Text: "Let me look that up for you.", Calls: []pipeline.ToolCall{
				{ID: "call_1_0_0", Name: "look", Args: json.RawMessage(`{"day": "monday"}`)}, {ID: "call_1_0_1", Name: "ask", Args: json.RawMessage(`{}`)},
			}},
			{Role: pipeline.Tool, Results: []pipeline.ToolResult{
				{ID: "call_1_0_0", Name: "look", Content: "done 0"}, {ID: "call_1_0_1", Name: "ask", Content: "done 0"},
			}},
			{Role: pipeline.Agent, Text: "It is done 0 and done 0."},
			{Role: pipeline.Caller, Text: "when is my appointment"},
		}
		c.Same("history", want, c.model.asked()[2].History)
		for _, e := range c.Notes.Events() {
			if e.Kind == turn.ToolStarted && e.Tool == "look" && e.Text != "day=[1 word]" {
				c.Errorf("the record has the arguments %q", e.Text)
			}
			if e.Kind == turn.ToolDone && e.Tool == "look" && e.Took < 700*ms {
				c.Errorf("the record has the time %s", e.Took)
			}
		}
		if n := len(c.Notes.Did(turn.Interject)); n != 0 {
			c.Errorf("%d fillers in fast turns", n)
		}
	})
}

func TestAToolWithoutWordsIsNoFailure(t *testing.T) {
	b := &bench{tools: map[string]benchTool{"note": fast(true)}}
	converse(t, options{
		says:  []string{"write that down", "and now"},
		model: rounds("", step{"", []pipeline.ToolCall{tool("note", `{}`)}}),
		cfg:   pipeline.Config{Tools: b, Turn: turn.Config{Idle: []time.Duration{4 * time.Second}}},
	}, func(c *call) {
		c.AgentSaid(1)
		c.Speak(time.Second)
		c.AgentSaid(2)
		c.Same("what is said", []string{texts.Greeting, texts.Idle[0]}, c.Notes.Said(pipeline.Agent))
		c.Same("calls", 1, len(b.made()))
	})
}

func TestASlowToolIsBridged(t *testing.T) {
	b := &bench{tools: map[string]benchTool{
		"look":  {takes: 9 * time.Second},
		"check": {takes: 4 * time.Second, traits: pipeline.ToolTraits{Filler: []string{texts.Apology}}}, // a line that is prepared
	}}
	model := rounds("Here it is.", step{"", []pipeline.ToolCall{tool("look", `{}`)}}, step{"", []pipeline.ToolCall{tool("check", `{}`)}})
	converse(t, options{says: []string{"go"}, model: model, cfg: pipeline.Config{Tools: b}}, func(c *call) {
		c.AgentSaid(1)
		c.Speak(time.Second)
		c.AgentSaid(2)
		c.Same("reply", "Here it is.", c.lastTurn().Text)
		if n := len(c.Notes.Did(turn.Interject)); n < 3 {
			c.Errorf("%d fillers in 13 s", n)
		}
		// From the first filler on, no silence is longer than what the machine
		// waits before the next one.
		var gaps []time.Duration
		quiet := time.Duration(0)
		for i := range c.Phone.Sent {
			if pipelinetest.Silent(&c.Phone.Sent[i]) {
				quiet += 20 * ms

				continue
			}
			if quiet > 100*ms {
				gaps = append(gaps, quiet)
			}
			quiet = 0
		}
		if len(gaps) < 4 || slices.Max(gaps[1:]) > 1500*ms {
			c.Errorf("silences of %s", gaps)
		}
	})
}

// The hold sound begins after the filler, ends with the tool, and is neither
// in the ledger nor a reason to keep the caller waiting.
func TestASoundIsHeardWhileAToolWorks(t *testing.T) {
	b := &bench{tools: map[string]benchTool{"look": {takes: 9 * time.Second}}}
	model := rounds("Here it is.", step{"", []pipeline.ToolCall{tool("look", `{}`)}})
	note := []int16{1234}
	cfg := pipeline.Config{Tools: b, HoldSound: note}
	converse(t, options{says: []string{"go"}, model: model, cfg: cfg}, func(c *call) {
		c.AgentSaid(1)
		c.Speak(time.Second)
		c.AgentSaid(2)
		c.Same("reply", "Here it is.", c.lastTurn().Text)
		held := 0
		for i := range c.Phone.Sent {
			if f := &c.Phone.Sent[i]; f[0] == note[0] && f[100] == note[0] {
				held++
			}
		}
		if d := time.Duration(held) * 20 * ms; d < 3*time.Second || d > 9*time.Second {
			c.Errorf("the sound was heard for %s of a tool's 9 s", d)
		}
		if last := c.Phone.Sent[len(c.Phone.Sent)-1]; last[0] == note[0] {
			c.Errorf("the sound goes on after the answer")
		}
	})
}

func TestTheModelCannotCallToolsForEver(t *testing.T) {
	b := &bench{tools: map[string]benchTool{"look": fast(false)}}
	model := &declared.Model{
		FirstToken: 300 * ms,
		Reply:      func(pipeline.Request) (string, *pipeline.Act) { return "Wait.", nil },
		Calls:      func(pipeline.Request) []pipeline.ToolCall { return []pipeline.ToolCall{tool("look", `{}`)} },
	}
	converse(t, options{says: []string{"go"}, model: model, cfg: pipeline.Config{Tools: b}}, func(c *call) {
		c.AgentSaid(1)
		c.Speak(time.Second)
		c.AgentSaid(2)
		c.Same("calls", 4, len(b.made()))
		c.Same("turn", strings.TrimSpace(strings.Repeat("Wait. ", 5)), c.lastTurn().Text)
	})
}

func TestAToolEndsTheCall(t *testing.T) {
	b := &bench{tools: map[string]benchTool{"transfer": {takes: 10 * ms, gives: func(int) pipeline.ToolOutcome {
		return pipeline.ToolOutcome{Act: &pipeline.Act{Name: pipeline.ActHandOff, Args: map[string]string{"target": "desk"}}}
	}}}}
	converse(t, options{
		says: []string{"a person"}, cfg: pipeline.Config{Tools: b},
		model: rounds("never said", step{"I will put you through.", []pipeline.ToolCall{tool("transfer", `{"target": "desk"}`)}}),
	}, func(c *call) {
		c.AgentSaid(1)
		c.Speak(time.Second)
		c.Same("outcome", pipeline.Outcome{Reason: turn.EndHandOff, Args: map[string]string{"target": "desk"}}, c.Outcome())
		c.Same("last words", "I will put you through.", c.lastTurn().Text)
	})
}

// TestAnInterruptedCallGoesOn has the caller cut the reply while the booking
// runs, and the model ask for it again.
func TestAnInterruptedCallGoesOn(t *testing.T) {
	b := &bench{tools: map[string]benchTool{"book": {takes: 3 * time.Second, traits: pipeline.ToolTraits{SideEffect: true}}}}
	converse(t, options{
		says: []string{"book it", "wait stop what was that", "thanks"}, cfg: pipeline.Config{Tools: b},
		model: rounds("It is {result}.", step{"I am booking that for you right now if I may.", []pipeline.ToolCall{tool("book", `{"b": 1, "a": 2}`)}}),
	}, func(c *call) {
		c.AgentSaid(1)
		c.Speak(time.Second)
		c.audible()
		c.Until("the call", func() bool { return len(b.made()) == 1 })
		c.Speak(1200 * ms)
		c.AgentSaid(2)
		if !c.lastTurn().Interrupted {
			c.Fatal("the caller did not interrupt")
		}
		c.AgentSaid(3)
		if got := c.lastTurn().Text; !strings.HasSuffix(got, "done 0.") && !strings.Contains(got, "done 0") {
			c.Errorf("the second reply says %q", got)
		}
		c.Same("calls", []benchCall{{"book", `{"b": 1, "a": 2}`, "-call_1_0_0", true}}, b.made())
		for _, r := range c.model.history() {
			for _, res := range r.Results {
				if res.Content != "done 0" && !strings.Contains(res.Content, "running") {
					c.Errorf("a result is %q", res.Content)
				}
			}
		}
	})
}

// TestACallBeforeTheReplyIsHeardIsKept has the caller go on before anything of
// the reply was heard.
func TestACallBeforeTheReplyIsHeardIsKept(t *testing.T) {
	b := &bench{tools: map[string]benchTool{"book": {takes: 200 * ms, traits: pipeline.ToolTraits{SideEffect: true}}}}
	called := 0
	model := &declared.Model{
		FirstToken: 500 * ms,
		Reply: func(req pipeline.Request) (string, *pipeline.Act) {
			return "I know of " + strings.Join(results(req.History), " and ") + ".", nil
		},
		Calls: func(pipeline.Request) []pipeline.ToolCall {
			called++
			if called > 1 {
				return nil
			}

			return []pipeline.ToolCall{tool("book", `{}`)}
		},
	}
	model.Reply = func(inner func(pipeline.Request) (string, *pipeline.Act)) func(pipeline.Request) (string, *pipeline.Act) {
		return func(req pipeline.Request) (string, *pipeline.Act) {
			if called == 0 {
				return "", nil
			}

			return inner(req)
		}
	}(model.Reply)
	converse(t, options{says: []string{"book it", "for two people please"}, cfg: pipeline.Config{Tools: b}, model: model}, func(c *call) {
		c.AgentSaid(1)
		c.Speak(time.Second)
		c.Until("the call", func() bool { return len(b.made()) == 1 })
		c.Speak(1200 * ms) // nothing was heard yet
		c.AgentSaid(2)
		c.Same("turn", "I know of done 0.", c.lastTurn().Text)
		c.Same("calls", 1, len(b.made()))
		c.Same("history", []pipeline.Message{
			{Role: pipeline.Agent, Text: texts.Greeting},
			{Role: pipeline.Caller, Text: "book it"},
			{Role: pipeline.Agent, Calls: []pipeline.ToolCall{{ID: "call_1_0_0", Name: "book", Args: json.RawMessage(`{}`)}}},
			{Role: pipeline.Tool, Results: []pipeline.ToolResult{{ID: "call_1_0_0", Name: "book", Content: "done 0"}}},
			{Role: pipeline.Caller, Text: "book it for two people please"},
		}, c.model.history())
		var caller []string
		for _, turn := range c.Notes.Turns() {
			if turn.Role == pipeline.Caller {
				caller = append(caller, turn.Text)
			}
		}
		c.Same("the caller's turns in the record", []string{"book it for two people please"}, caller)
	})
}

func TestTheSameWishAfterAHeardAnswerIsNew(t *testing.T) {
	b := &bench{tools: map[string]benchTool{"book": fast(true)}}
	converse(t, options{
		says: []string{"book it", "once more"}, cfg: pipeline.Config{Tools: b},
		model: rounds("It is {result}.", step{"", []pipeline.ToolCall{tool("book", `{}`)}}),
	}, func(c *call) {
		c.AgentSaid(1)
		c.Speak(time.Second)
		c.AgentSaid(2)
		c.Speak(time.Second)
		c.AgentSaid(3)
		c.Same("calls", []benchCall{{"book", `{}`, "-call_1_0_0", true}, {"book", `{}`, "-call_2_0_0", true}}, b.made())
	})
}

// TestNoCallIsLostOrMadeTwice holds for any interruption at any time, of any
// tool that takes any time and may fail, also without its service knowing.
func TestNoCallIsLostOrMadeTwice(outer *testing.T) {
	outer.Parallel()
	rapid.Check(outer, func(t *rapid.T) {
		takes := time.Duration(rapid.IntRange(0, 250).Draw(t, "tool takes")) * 20 * ms
		firstToken := time.Duration(rapid.IntRange(1, 60).Draw(t, "first token")) * 10 * ms
		before := rapid.SampledFrom([]string{"", "One moment.", "I am going to book that for you at once."}).Draw(t, "words before")
		fails := rapid.SampledFrom([]string{"never", "first", "first, uncertain"}).Draw(t, "fails")
		cuts := rapid.SliceOfN(rapid.IntRange(0, 200), 0, 4).Draw(t, "interruptions")
		again := rapid.IntRange(1, 3).Draw(t, "times that the model asks")
		problem := ""
		synctest.Test(outer, func(bubble *testing.T) {
			b := &bench{tools: map[string]benchTool{"book": {
				takes: takes, traits: pipeline.ToolTraits{SideEffect: true},
				gives: func(n int) pipeline.ToolOutcome {
					if n == 0 && fails != "never" {
						return pipeline.ToolOutcome{Result: pipeline.ToolResult{Content: "failed", Failed: true}, Uncertain: fails == "first, uncertain"}
					}

					return pipeline.ToolOutcome{Result: pipeline.ToolResult{Content: fmt.Sprintf("booked %d", n)}}
				},
			}}}
			c := prepared(bubble, options{says: []string{"wait stop no please"}, model: asking(before, firstToken, again), cfg: pipeline.Config{Tools: b, CallID: "c"}})
			defer c.conv.Stop()
			if err := c.conv.Prepare(bubble.Context()); err != nil {
				problem = err.Error()

				return
			}
			c.conv.Start()
			c.Run(5 * time.Second)
			c.Speak(time.Second)
			for _, at := range cuts {
				c.Run(time.Duration(at) * 20 * ms)
				c.Speak(1200 * ms)
			}
			c.Run(12 * time.Second)
			c.Speak(time.Second)
			c.Run(3 * time.Second)
			problem = judgeCalls(b.made(), c.model.history(), fails)
		})
		if problem != "" {
			t.Fatal(problem)
		}
	})
}

// asking is a model that asks for the same booking until it has asked so often.
func asking(before string, firstToken time.Duration, times int) *declared.Model {
	asked := func(req pipeline.Request) int {
		n := 0
		for _, m := range req.History {
			n += len(m.Calls)
		}

		return n
	}

	return &declared.Model{
		FirstToken: firstToken, TokensPerSecond: 50,
		Reply: func(req pipeline.Request) (string, *pipeline.Act) {
			if asked(req) < times {
				return before, nil
			}

			return "That is all that I can tell you.", nil
		},
		Calls: func(req pipeline.Request) []pipeline.ToolCall {
			if req.Tools == nil || asked(req) >= times {
				return nil
			}

			return []pipeline.ToolCall{tool("book", `{"day": "monday"}`)}
		},
	}
}

// judgeCalls says what is wrong with the calls that were made and with what the
// model knows of them.
func judgeCalls(calls []benchCall, history []pipeline.Message, fails string) string {
	keys := map[string]int{}
	for _, c := range calls {
		keys[c.Key]++
		if !c.Ended {
			return fmt.Sprintf("a call was broken off: %+v", calls)
		}
	}
	known := results(history)
	for i := range calls {
		want := fmt.Sprintf("booked %d", i)
		if i == 0 && fails != "never" {
			want = "failed"
		}
		if !slices.Contains(known, want) {
			return fmt.Sprintf("the result %q is lost: the model knows %q", want, known)
		}
	}
	if fails == "first, uncertain" && len(calls) > 1 && calls[0].Key != calls[1].Key {
		return fmt.Sprintf("a call that may have been done was made again with another key: %+v", calls)
	}
	for i, m := range history {
		if len(m.Calls) > 0 && (i+1 == len(history) || len(history[i+1].Results) != len(m.Calls)) {
			return fmt.Sprintf("calls without their results: %+v", history)
		}
		for j, r := range m.Results {
			if r.ID != history[i-1].Calls[j].ID {
				return fmt.Sprintf("results of other calls: %+v", history)
			}
		}
	}
	// Every call beyond the first and the repetition of a failed one needs a
	// reply between them that was heard to its end.
	allowed := 1
	if fails != "never" {
		allowed++
	}
	for i, m := range history {
		if m.Role == pipeline.Agent && m.Text != "" && !m.Cut && i > 0 && history[i-1].Role == pipeline.Tool {
			allowed++
		}
	}
	if len(calls) > allowed {
		return fmt.Sprintf("%d calls where %d are allowed: %+v in %+v", len(calls), allowed, calls, history)
	}

	return ""
}
