package gemini

import (
	"cmp"
	"encoding/json"

	"trunkline/pipeline"
	"trunkline/pipeline/prompt"
)

// content is one message. Its role is "user" or "model"; none for the system.
type content struct {
	Role  string `json:"role,omitempty"`
	Parts []part `json:"parts"`
}

// part is a piece of a message: exactly one of its fields is set.
type part struct {
	Text             string            `json:"text,omitempty"`
	Thought          bool              `json:"thought,omitempty"`
	FunctionCall     *functionCall     `json:"functionCall,omitempty"`
	FunctionResponse *functionResponse `json:"functionResponse,omitempty"`
}

type functionCall struct {
	ID   string          `json:"id,omitempty"`
	Name string          `json:"name"`
	Args json.RawMessage `json:"args,omitempty"`
}

type functionResponse struct {
	ID       string            `json:"id,omitempty"`
	Name     string            `json:"name"`
	Response map[string]string `json:"response"` // "output" or "error"
}

type declaration struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parametersJsonSchema,omitempty"`
}

// body is the whole request.
func (m *Model) body(req *pipeline.Request) map[string]any {
	b := map[string]any{"contents": contents(req)}
	if req.System != "" {
		b["systemInstruction"] = content{Parts: []part{{Text: req.System}}}
	}
	if len(req.Tools) > 0 {
		b["tools"] = []map[string]any{{"functionDeclarations": declarations(req.Tools)}}
	}
	set := map[string]any{}
	if m.cfg.Temperature != nil {
		set["temperature"] = *m.cfg.Temperature
	}
	if m.cfg.MaxTokens > 0 {
		set["maxOutputTokens"] = m.cfg.MaxTokens
	}
	if m.cfg.Thinking != nil {
		set["thinkingConfig"] = map[string]int{"thinkingBudget": *m.cfg.Thinking}
	}
	if len(set) > 0 {
		b["generationConfig"] = set
	}

	return b
}

func declarations(specs []pipeline.ToolSpec) []declaration {
	out := make([]declaration, len(specs))
	for i, s := range specs {
		out[i] = declaration{Name: s.Name, Description: s.Description, Parameters: s.Parameters}
	}

	return out
}

// silence stands where the protocol wants words and there were none.
const silence = "(nothing was said)"

// contents are the history, with what one side said in a row in one message.
// The caller's side comes first, as the protocol wants it.
func contents(req *pipeline.Request) []content {
	var out []content
	add := func(role string, parts ...part) {
		if len(out) == 0 && role == "model" {
			out = append(out, content{Role: "user", Parts: []part{{Text: silence}}})
		}
		if n := len(out); n > 0 && out[n-1].Role == role {
			out[n-1].Parts = append(out[n-1].Parts, parts...)
		} else {
			out = append(out, content{Role: role, Parts: parts})
		}
	}
	for i := range req.History {
		m := &req.History[i]
		switch m.Role {
		case pipeline.Caller:
			add("user", part{Text: cmp.Or(m.Text, silence)})
		case pipeline.Agent:
			var parts []part
			if text := prompt.Heard(m.Text, m.Cut); text != "" {
				parts = append(parts, part{Text: text})
			}
			for _, c := range m.Calls {
				parts = append(parts, part{FunctionCall: &functionCall{ID: c.ID, Name: c.Name, Args: c.Args}})
			}
			if len(parts) > 0 {
				add("model", parts...)
			}
		case pipeline.Tool:
			var parts []part
			for _, r := range m.Results {
				as := "output"
				if r.Failed {
					as = "error"
				}
				parts = append(parts, part{FunctionResponse: &functionResponse{ID: r.ID, Name: r.Name, Response: map[string]string{as: r.Content}}})
			}
			add("user", parts...)
		}
	}
	if req.Said != "" {
		add("model", part{Text: req.Said})
		add("user", part{Text: prompt.Continue})
	}

	return out
}
