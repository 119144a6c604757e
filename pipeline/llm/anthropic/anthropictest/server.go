package anthropictest

import (
	"encoding/json"
	"net/http"

	"trunkline/pipeline"
	"trunkline/pipeline/llm/llmtest"
	"trunkline/pipeline/vendortest"
)

// Server answers messages.
type Server struct{ script *llmtest.Script }

// New makes a Server.
func New() *Server { return &Server{script: llmtest.NewScript()} }

// Script says what happens.
func (s *Server) Script() *llmtest.Script { return s.script }

type block struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
	ToolUseID string          `json:"tool_use_id"`
	Content   string          `json:"content"`
	IsError   bool            `json:"is_error"`
}

type request struct {
	Model     string  `json:"model"`
	MaxTokens int     `json:"max_tokens"`
	Stream    bool    `json:"stream"`
	System    []block `json:"system"`
	Messages  []struct {
		Role    string  `json:"role"`
		Content []block `json:"content"`
	} `json:"messages"`
	Tools []struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		InputSchema json.RawMessage `json:"input_schema"`
	} `json:"tools"`
}

// ServeHTTP answers /v1/messages, and /v1/models without a list.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/v1/models" && r.Method == http.MethodHead:
		return
	case r.Header.Get("X-Api-Key") != vendortest.Key:
		refuse(w, http.StatusUnauthorized, "authentication_error")

		return
	case r.Header.Get("Anthropic-Version") != "2023-06-01":
		refuse(w, http.StatusBadRequest, "invalid_request_error")

		return
	case r.URL.Path == "/v1/models":
		return
	case r.URL.Path != "/v1/messages" || r.Method != http.MethodPost:
		refuse(w, http.StatusNotFound, "not_found_error")

		return
	}
	var req request
	err := json.NewDecoder(r.Body).Decode(&req)
	asked, ok := understand(&req)
	if err != nil || !ok || !req.Stream || req.Model == "" || req.MaxTokens < 1 {
		refuse(w, http.StatusBadRequest, "invalid_request_error")

		return
	}
	reply := s.script.Take(asked)
	if reply.Status != 0 {
		vendortest.RetryAfter(w, reply.RetryAfter)
		refuse(w, reply.Status, reply.Code)

		return
	}
	stream(&reply).Serve(w, r, s.script, &reply)
}

// refuse answers with an error. Its message repeats the key, as some do.
func refuse(w http.ResponseWriter, status int, code string) {
	vendortest.Answer(w, status, failure(code))
}

func failure(code string) object {
	return object{"type": "error", "error": object{"type": code, "message": "see " + vendortest.Key}}
}

// understand reads the messages back. It is false where they break the
// protocol's rules: the roles alternate, the caller is first, no text is empty,
// results follow their calls.
func understand(req *request) (llmtest.Asked, bool) {
	a := llmtest.Asked{Model: req.Model}
	for _, b := range req.System {
		a.System += b.Text
	}
	for _, t := range req.Tools {
		a.Tools = append(a.Tools, pipeline.ToolSpec{Name: t.Name, Description: t.Description, Parameters: t.InputSchema})
	}
	names := map[string]string{}
	for i, m := range req.Messages {
		if want := [2]string{"user", "assistant"}[i%2]; m.Role != want || len(m.Content) == 0 {
			return a, false
		}
		for _, b := range m.Content {
			if !block.read(b, &a, names, m.Role) {
				return a, false
			}
		}
	}
	a.Unpad()

	return a, len(req.Messages)%2 == 1
}

func (b block) read(a *llmtest.Asked, names map[string]string, role string) bool {
	switch {
	case b.Type == "text" && b.Text != "" && role == "user":
		a.Heard(pipeline.Caller, b.Text)
	case b.Type == "text" && b.Text != "":
		a.Heard(pipeline.Agent, b.Text)
	case b.Type == "tool_use" && role == "assistant":
		names[b.ID] = b.Name
		m := a.Last(pipeline.Agent)
		m.Calls = append(m.Calls, pipeline.ToolCall{ID: b.ID, Name: b.Name, Args: b.Input})
	case b.Type == "tool_result" && names[b.ToolUseID] != "":
		m := a.Last(pipeline.Tool)
		m.Results = append(m.Results, pipeline.ToolResult{
			ID: b.ToolUseID, Name: names[b.ToolUseID], Content: b.Content, Failed: b.IsError,
		})
	default:
		return false
	}

	return true
}

type object = map[string]any

func data(kind string, fields object) []byte {
	fields["type"] = kind

	return llmtest.Data(kind, fields)
}

// stream are the events of a reply, in the order of the reference.
func stream(reply *llmtest.Reply) *llmtest.Stream {
	blocks := 0
	begin := func(b object) []byte {
		return data("content_block_start", object{"index": blocks, "content_block": b})
	}
	stop := func() []byte {
		blocks++

		return data("content_block_stop", object{"index": blocks - 1})
	}
	var u pipeline.Usage
	if reply.Usage != nil {
		u = *reply.Usage
	}

	return &llmtest.Stream{
		Begin: func() [][]byte {
			events := [][]byte{
				data("message_start", object{"message": object{"id": "msg_1", "role": "assistant", "content": []object{}, "usage": object{
					"input_tokens": u.InputTokens - u.CachedTokens, "cache_creation_input_tokens": 0,
					"cache_read_input_tokens": u.CachedTokens, "output_tokens": 1,
				}}}),
				data("ping", object{}),
			}
			if len(reply.Text) > 0 {
				events = append(events, begin(object{"type": "text", "text": ""}))
			}

			return events
		},
		Text: func(_ int, text string) []byte {
			return data("content_block_delta", object{"index": blocks, "delta": object{"type": "text_delta", "text": text}})
		},
		Calls: func(n int, c pipeline.ToolCall) [][]byte {
			var events [][]byte
			if n == 0 && len(reply.Text) > 0 {
				events = append(events, stop())
			}
			piece := func(s []byte) []byte {
				return data("content_block_delta", object{"index": blocks, "delta": object{"type": "input_json_delta", "partial_json": string(s)}})
			}
			half := len(c.Args) / 2

			return append(events,
				begin(object{"type": "tool_use", "id": c.ID, "name": c.Name, "input": object{}}),
				piece(nil), piece(c.Args[:half]), piece(c.Args[half:]), stop())
		},
		End: func(*pipeline.Usage) [][]byte {
			var events [][]byte
			if len(reply.Text) > 0 && len(reply.Calls) == 0 {
				events = append(events, stop())
			}

			return append(events,
				data("message_delta", object{"delta": object{"stop_reason": "end_turn"}, "usage": object{"output_tokens": u.OutputTokens}}),
				data("message_stop", object{}))
		},
		Error: func(code string) []byte { return llmtest.Data("error", failure(code)) },
	}
}
