package openaitest

import (
	"encoding/json"
	"net/http"

	"trunkline/pipeline"
	"trunkline/pipeline/llm/llmtest"
	"trunkline/pipeline/prompt"
	"trunkline/pipeline/vendortest"
)

// Server answers chat completions.
type Server struct{ script *llmtest.Script }

// New makes a Server.
func New() *Server { return &Server{script: llmtest.NewScript()} }

// Script says what happens.
func (s *Server) Script() *llmtest.Script { return s.script }

// request is what is read of a request.
type request struct {
	Model    string `json:"model"`
	Stream   bool   `json:"stream"`
	Messages []struct {
		Role       string `json:"role"`
		Content    string `json:"content"`
		ToolCallID string `json:"tool_call_id"`
		ToolCalls  []struct {
			ID       string `json:"id"`
			Type     string `json:"type"`
			Function struct {
				Name      string `json:"name"`
				Arguments string `json:"arguments"`
			} `json:"function"`
		} `json:"tool_calls"`
	} `json:"messages"`
	Tools []struct {
		Type     string `json:"type"`
		Function struct {
			Name        string          `json:"name"`
			Description string          `json:"description"`
			Parameters  json.RawMessage `json:"parameters"`
		} `json:"function"`
	} `json:"tools"`
}

// ServeHTTP answers /chat/completions, and /models without a list.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/models" && r.Method == http.MethodHead:
		return
	case r.Header.Get("Authorization") != "Bearer "+vendortest.Key:
		refuse(w, http.StatusUnauthorized, "invalid_api_key")

		return
	case r.URL.Path == "/models":
		return
	case r.URL.Path != "/chat/completions" || r.Method != http.MethodPost:
		refuse(w, http.StatusNotFound, "unknown_url")

		return
	}
	var req request
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || !req.Stream || req.Model == "" || len(req.Messages) == 0 {
		refuse(w, http.StatusBadRequest, "invalid_request_error")

		return
	}
	asked, ok := understand(&req)
	if !ok {
		refuse(w, http.StatusBadRequest, "invalid_request_error")

		return
	}
	reply := s.script.Take(asked)
	if reply.Status != 0 {
		vendortest.RetryAfter(w, reply.RetryAfter)
		refuse(w, reply.Status, reply.Code)

		return
	}
	stream.Serve(w, r, s.script, &reply)
}

// refuse answers with an error. Its message repeats the key, as some do.
func refuse(w http.ResponseWriter, status int, code string) {
	vendortest.Answer(w, status, map[string]any{
		"error": map[string]any{"message": "see " + vendortest.Key, "type": "error", "code": code},
	})
}

// understand reads the messages back. It is false where the order is one that
// the protocol forbids: results without their calls.
func understand(req *request) (llmtest.Asked, bool) {
	a := llmtest.Asked{Model: req.Model}
	for _, t := range req.Tools {
		a.Tools = append(a.Tools, pipeline.ToolSpec{
			Name: t.Function.Name, Description: t.Function.Description, Parameters: t.Function.Parameters,
		})
	}
	names := map[string]string{}
	for i, m := range req.Messages {
		switch m.Role {
		case "system":
			if i == 0 {
				a.System = m.Content
			} else if n := len(a.History); m.Content == prompt.Continue && n > 0 {
				a.Said, a.History = a.History[n-1].Text, a.History[:n-1]
			}
		case "user":
			a.Heard(pipeline.Caller, m.Content)
		case "assistant":
			a.Heard(pipeline.Agent, m.Content)
			h := a.Last(pipeline.Agent)
			for _, c := range m.ToolCalls {
				names[c.ID] = c.Function.Name
				h.Calls = append(h.Calls, pipeline.ToolCall{ID: c.ID, Name: c.Function.Name, Args: json.RawMessage(c.Function.Arguments)})
			}
		case "tool":
			name, called := names[m.ToolCallID]
			if !called {
				return a, false
			}
			last := a.Last(pipeline.Tool)
			last.Results = append(last.Results, result(m.ToolCallID, name, m.Content))
		default:
			return a, false
		}
	}

	return a, true
}

func result(id, name, content string) pipeline.ToolResult {
	var failed struct {
		Error string `json:"error"`
	}
	if json.Unmarshal([]byte(content), &failed) == nil && failed.Error != "" {
		return pipeline.ToolResult{ID: id, Name: name, Content: failed.Error, Failed: true}
	}

	return pipeline.ToolResult{ID: id, Name: name, Content: content}
}

type object = map[string]any

func chunk(delta object, finish any) object {
	return object{
		"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "test",
		"choices": []object{{"index": 0, "delta": delta, "finish_reason": finish}}, "usage": nil,
	}
}

// stream are the events of a reply, in the order of the reference: the role
// first, arguments in pieces, a chunk with the reason, one with the usage.
var stream = llmtest.Stream{
	Begin: func() [][]byte {
		return [][]byte{[]byte(": ping"), llmtest.Data("", chunk(object{"role": "assistant", "content": ""}, nil))}
	},
	Text: func(_ int, text string) []byte { return llmtest.Data("", chunk(object{"content": text}, nil)) },
	Calls: func(n int, c pipeline.ToolCall) [][]byte {
		piece := func(f object) []byte {
			return llmtest.Data("", chunk(object{"tool_calls": []object{f}}, nil))
		}
		half := len(c.Args) / 2

		return [][]byte{
			piece(object{"index": n, "id": c.ID, "type": "function", "function": object{"name": c.Name, "arguments": ""}}),
			piece(object{"index": n, "function": object{"arguments": string(c.Args[:half])}}),
			piece(object{"index": n, "function": object{"arguments": string(c.Args[half:])}}),
		}
	},
	End: func(u *pipeline.Usage) [][]byte {
		events := [][]byte{llmtest.Data("", chunk(object{}, "stop"))}
		if u != nil {
			events = append(events, llmtest.Data("", object{"choices": []object{}, "usage": object{
				"prompt_tokens": u.InputTokens, "completion_tokens": u.OutputTokens,
				"total_tokens":          u.InputTokens + u.OutputTokens,
				"prompt_tokens_details": object{"cached_tokens": u.CachedTokens},
			}}))
		}

		return append(events, []byte("data: [DONE]"))
	},
	Error: func(code string) []byte {
		return llmtest.Data("", object{"error": object{"message": "see " + vendortest.Key, "code": code}})
	},
}
