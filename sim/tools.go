package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"sync"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/declared"
)

// model is a scenario agent's: it calls tools after its words.
type model struct {
	*declared.Model

	agent *Agent
}

// Generate implements pipeline.Model.
func (m *model) Generate(ctx context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		r := m.agent.chosen(req.History)
		calls := r != nil && r.Call != nil && req.History[len(req.History)-1].Role != pipeline.Tool
		if !calls || r.Say != "" {
			for d, err := range m.Model.Generate(ctx, req) {
				if !yield(d, err) || err != nil {
					return
				}
			}
		}
		if !calls {
			return
		}
		args, err := json.Marshal(r.Call.Args)
		if err != nil {
			yield(pipeline.Delta{}, err)

			return
		}
		if r.Call.Args == nil {
			args = json.RawMessage("{}")
		}
		yield(pipeline.Delta{Call: &pipeline.ToolCall{ID: fmt.Sprintf("call-%d", req.Turn), Name: r.Call.Tool, Args: args}}, nil)
	}
}

// tools are a scenario agent's.
type tools []Tool

// Specs implements pipeline.Tools.
func (t tools) Specs() []pipeline.ToolSpec {
	specs := make([]pipeline.ToolSpec, len(t))
	for i := range t {
		specs[i] = pipeline.ToolSpec{Name: t[i].Name, Parameters: json.RawMessage(`{"type":"object"}`)}
	}

	return specs
}

func (t tools) find(name string) *Tool {
	for i := range t {
		if t[i].Name == name {
			return &t[i]
		}
	}

	return &Tool{Result: "there is no such tool", Fails: true}
}

// Traits implements pipeline.Tools.
func (t tools) Traits(name string) pipeline.ToolTraits {
	one := t.find(name)

	return pipeline.ToolTraits{SideEffect: one.SideEffect, Filler: one.Filler}
}

// Run implements pipeline.Tools.
func (t tools) Run(ctx context.Context, _ pipeline.ToolScope, call pipeline.ToolCall) pipeline.ToolOutcome {
	one := t.find(call.Name)
	out := pipeline.ToolResult{ID: call.ID, Name: call.Name, Content: one.Result, Failed: one.Fails}
	timer := time.NewTimer(one.Takes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		out.Content, out.Failed = "cancelled", true
	}

	return pipeline.ToolOutcome{Result: out}
}

// loggedTools remembers which of an agent's tools were called.
type loggedTools struct {
	pipeline.Tools

	mu    sync.Mutex
	calls []toolCall
}

// toolCall is one of them.
type toolCall struct {
	at   time.Time
	name string
	args map[string]any
}

// Run implements pipeline.Tools.
func (l *loggedTools) Run(ctx context.Context, scope pipeline.ToolScope, call pipeline.ToolCall) pipeline.ToolOutcome {
	c := toolCall{at: time.Now(), name: call.Name}
	if json.Unmarshal(call.Args, &c.args) != nil {
		c.args = map[string]any{"arguments": string(call.Args)} // a model may write anything
	}
	l.mu.Lock()
	l.calls = append(l.calls, c)
	l.mu.Unlock()

	return l.Tools.Run(ctx, scope, call)
}

// traces are the calls, by their times from the answer on.
func (l *loggedTools) traces(since func(time.Time) time.Duration) []ToolTrace {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []ToolTrace
	for _, c := range l.calls {
		all = append(all, ToolTrace{At: since(c.at), Name: c.name, Args: c.args})
	}

	return all
}
