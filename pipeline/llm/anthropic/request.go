package anthropic

import (
	"cmp"
	"encoding/json"

	"trunkline/pipeline"
	"trunkline/pipeline/prompt"
)

// message is one message of a request. Roles alternate.
type message struct {
	Role    string  `json:"role"`
	Content []block `json:"content"`
}

// block is a part of a message; which fields count depends on its type.
type block struct {
	Type      string          `json:"type"`
	Text      string          `json:"text,omitempty"`
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Input     json.RawMessage `json:"input,omitempty"`
	ToolUseID string          `json:"tool_use_id,omitempty"`
	Content   string          `json:"content,omitempty"`
	IsError   bool            `json:"is_error,omitempty"`
	Cache     *cache          `json:"cache_control,omitempty"`
}

type cache struct {
	Type string `json:"type"`
}

type tool struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	InputSchema json.RawMessage `json:"input_schema"`
}

// body is the whole request.
func (m *Model) body(req *pipeline.Request) map[string]any {
	b := map[string]any{
		"model":      m.cfg.Model,
		"max_tokens": m.cfg.MaxTokens,
		"messages":   messages(req),
		"stream":     true,
	}
	if req.System != "" { // the same for all turns of a call
		b["system"] = []block{{Type: "text", Text: req.System, Cache: &cache{Type: "ephemeral"}}}
	}
	if len(req.Tools) > 0 {
		b["tools"] = tools(req.Tools)
	}
	if m.cfg.Temperature != nil {
		b["temperature"] = *m.cfg.Temperature
	}

	return b
}

func tools(specs []pipeline.ToolSpec) []tool {
	out := make([]tool, len(specs))
	for i, s := range specs {
		out[i] = tool{Name: s.Name, Description: s.Description, InputSchema: s.Parameters}
	}

	return out
}

// silence stands where the protocol wants words and there were none.
const silence = "(nothing was said)"

// messages are the history, with what one side said in a row in one message.
// The caller's side comes first, as the protocol wants it.
func messages(req *pipeline.Request) []message {
	var out []message
	add := func(role string, blocks ...block) {
		if len(out) == 0 && role == "assistant" {
			out = append(out, message{Role: "user", Content: []block{{Type: "text", Text: silence}}})
		}
		if n := len(out); n > 0 && out[n-1].Role == role {
			out[n-1].Content = append(out[n-1].Content, blocks...)
		} else {
			out = append(out, message{Role: role, Content: blocks})
		}
	}
	for i := range req.History {
		m := &req.History[i]
		switch m.Role {
		case pipeline.Caller:
			add("user", block{Type: "text", Text: cmp.Or(m.Text, silence)})
		case pipeline.Agent:
			var blocks []block
			if text := prompt.Heard(m.Text, m.Cut); text != "" {
				blocks = append(blocks, block{Type: "text", Text: text})
			}
			for _, c := range m.Calls {
				blocks = append(blocks, block{Type: "tool_use", ID: c.ID, Name: c.Name, Input: c.Args})
			}
			if len(blocks) > 0 {
				add("assistant", blocks...)
			}
		case pipeline.Tool:
			var blocks []block
			for _, r := range m.Results {
				blocks = append(blocks, block{Type: "tool_result", ToolUseID: r.ID, Content: r.Content, IsError: r.Failed})
			}
			add("user", blocks...)
		}
	}
	if req.Said != "" {
		add("assistant", block{Type: "text", Text: req.Said})
		add("user", block{Type: "text", Text: prompt.Continue})
	}

	return out
}
