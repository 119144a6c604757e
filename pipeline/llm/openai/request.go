package openai

import (
	"encoding/json"

	"trunkline/pipeline"
	"trunkline/pipeline/prompt"
)

// message is one message of a request.
type message struct {
	Role       string     `json:"role"`
	Content    string     `json:"content"`
	ToolCalls  []toolCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

type toolCall struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`
	Function function `json:"function"`
}

type function struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Arguments   string          `json:"arguments,omitempty"`  // of a call
	Parameters  json.RawMessage `json:"parameters,omitempty"` // of a tool
}

type tool struct {
	Type     string   `json:"type"`
	Function function `json:"function"`
}

// body is the whole request.
func (m *Model) body(req *pipeline.Request) map[string]any {
	b := map[string]any{
		"model":          m.cfg.Model,
		"messages":       messages(req),
		"stream":         true,
		"stream_options": map[string]bool{"include_usage": true},
	}
	if len(req.Tools) > 0 {
		b["tools"] = tools(req.Tools)
	}
	if m.cfg.Temperature != nil {
		b["temperature"] = *m.cfg.Temperature
	}
	if m.cfg.MaxTokens > 0 {
		b[m.tokens] = m.cfg.MaxTokens
	}
	if m.cfg.Effort != "" {
		b["reasoning_effort"] = m.cfg.Effort
	}

	return b
}

func tools(specs []pipeline.ToolSpec) []tool {
	out := make([]tool, len(specs))
	for i, s := range specs {
		out[i] = tool{Type: "function", Function: function{Name: s.Name, Description: s.Description, Parameters: s.Parameters}}
	}

	return out
}

func messages(req *pipeline.Request) []message {
	var out []message
	if req.System != "" {
		out = append(out, message{Role: "system", Content: req.System})
	}
	for i := range req.History {
		m := &req.History[i]
		switch m.Role {
		case pipeline.Caller:
			out = append(out, message{Role: "user", Content: m.Text})
		case pipeline.Agent:
			a := message{Role: "assistant", Content: prompt.Heard(m.Text, m.Cut)}
			for _, c := range m.Calls {
				a.ToolCalls = append(a.ToolCalls, toolCall{
					ID: c.ID, Type: "function", Function: function{Name: c.Name, Arguments: string(c.Args)},
				})
			}
			out = append(out, a)
		case pipeline.Tool:
			for _, r := range m.Results {
				out = append(out, message{Role: "tool", ToolCallID: r.ID, Content: content(&r)})
			}
		}
	}
	if req.Said != "" {
		out = append(out, message{Role: "assistant", Content: req.Said}, message{Role: "system", Content: prompt.Continue})
	}

	return out
}

// content is a result as text: the protocol has no mark for a failure.
func content(r *pipeline.ToolResult) string {
	if !r.Failed {
		return r.Content
	}
	raw, err := json.Marshal(map[string]string{"error": r.Content})
	if err != nil {
		return r.Content
	}

	return string(raw)
}
