package geminitest

import (
	"encoding/json"
	"net/http"
	"strings"

	"trunkline/pipeline"
	"trunkline/pipeline/llm/llmtest"
	"trunkline/pipeline/vendortest"
)

// Server answers streamGenerateContent.
type Server struct{ script *llmtest.Script }

// New makes a Server.
func New() *Server { return &Server{script: llmtest.NewScript()} }

// Script says what happens.
func (s *Server) Script() *llmtest.Script { return s.script }

type content struct {
	Role  string `json:"role"`
	Parts []part `json:"parts"`
}

type part struct {
	Text         string `json:"text"`
	FunctionCall *struct {
		ID   string          `json:"id"`
		Name string          `json:"name"`
		Args json.RawMessage `json:"args"`
	} `json:"functionCall"`
	FunctionResponse *struct {
		ID       string            `json:"id"`
		Name     string            `json:"name"`
		Response map[string]string `json:"response"`
	} `json:"functionResponse"`
}

type request struct {
	SystemInstruction content   `json:"systemInstruction"`
	Contents          []content `json:"contents"`
	Tools             []struct {
		FunctionDeclarations []struct {
			Name        string          `json:"name"`
			Description string          `json:"description"`
			Parameters  json.RawMessage `json:"parametersJsonSchema"`
		} `json:"functionDeclarations"`
	} `json:"tools"`
}

// ServeHTTP answers /models/NAME:streamGenerateContent, and /models without a
// body.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	model, asks := strings.CutPrefix(r.URL.Path, "/models/")
	model, streams := strings.CutSuffix(model, ":streamGenerateContent")
	switch {
	case r.URL.Path == "/models" && r.Method == http.MethodHead:
		return
	case r.Header.Get("X-Goog-Api-Key") != vendortest.Key:
		refuse(w, http.StatusBadRequest, "INVALID_ARGUMENT")

		return
	case r.URL.Path == "/models":
		return
	case !asks || !streams || r.Method != http.MethodPost || r.URL.Query().Get("alt") != "sse":
		refuse(w, http.StatusNotFound, "NOT_FOUND")

		return
	}
	var req request
	err := json.NewDecoder(r.Body).Decode(&req)
	asked, ok := understand(&req)
	if err != nil || !ok {
		refuse(w, http.StatusBadRequest, "INVALID_ARGUMENT")

		return
	}
	asked.Model = model
	reply := s.script.Take(asked)
	if reply.Status != 0 {
		vendortest.RetryAfter(w, reply.RetryAfter)
		refuse(w, reply.Status, reply.Code)

		return
	}
	stream.Serve(w, r, s.script, &reply)
}

func failure(status int, code string) object {
	return object{"error": object{"code": status, "status": code, "message": "see " + vendortest.Key}}
}

// refuse answers with an error. Its message repeats the key, as some do.
func refuse(w http.ResponseWriter, status int, code string) {
	vendortest.Answer(w, status, failure(status, code))
}

// understand reads the messages back. It is false where they break the
// protocol's rules: the roles alternate, the user is first and last, and
// responses follow their calls.
func understand(req *request) (llmtest.Asked, bool) {
	var a llmtest.Asked
	for _, p := range req.SystemInstruction.Parts {
		a.System += p.Text
	}
	for _, t := range req.Tools {
		for _, d := range t.FunctionDeclarations {
			a.Tools = append(a.Tools, pipeline.ToolSpec{Name: d.Name, Description: d.Description, Parameters: d.Parameters})
		}
	}
	called := map[string]bool{}
	for i, c := range req.Contents {
		if want := [2]string{"user", "model"}[i%2]; c.Role != want || len(c.Parts) == 0 {
			return a, false
		}
		for _, p := range c.Parts {
			if !p.read(&a, called, c.Role) {
				return a, false
			}
		}
	}
	a.Unpad()

	return a, len(req.Contents)%2 == 1
}

func (p part) read(a *llmtest.Asked, called map[string]bool, role string) bool {
	switch {
	case p.FunctionCall != nil && role == "model":
		c := p.FunctionCall
		called[c.Name] = true
		m := a.Last(pipeline.Agent)
		m.Calls = append(m.Calls, pipeline.ToolCall{ID: c.ID, Name: c.Name, Args: c.Args})
	case p.FunctionResponse != nil && called[p.FunctionResponse.Name]:
		r := pipeline.ToolResult{ID: p.FunctionResponse.ID, Name: p.FunctionResponse.Name, Content: p.FunctionResponse.Response["output"]}
		if e, failed := p.FunctionResponse.Response["error"]; failed {
			r.Content, r.Failed = e, true
		}
		m := a.Last(pipeline.Tool)
		m.Results = append(m.Results, r)
	case p.Text != "" && role == "user":
		a.Heard(pipeline.Caller, p.Text)
	case p.Text != "":
		a.Heard(pipeline.Agent, p.Text)
	default:
		return false
	}

	return true
}

type object = map[string]any

func chunk(finish string, parts ...object) object {
	candidate := object{"index": 0, "content": object{"role": "model", "parts": parts}}
	if finish != "" {
		candidate["finishReason"] = finish
	}

	return object{"candidates": []object{candidate}, "modelVersion": "test"}
}

// stream are the events of a reply. Calls come whole and without ids.
var stream = llmtest.Stream{
	Text: func(_ int, text string) []byte { return llmtest.Data("", chunk("", object{"text": text})) },
	Calls: func(_ int, c pipeline.ToolCall) [][]byte {
		return [][]byte{llmtest.Data("", chunk("", object{"functionCall": object{"name": c.Name, "args": c.Args}}))}
	},
	End: func(u *pipeline.Usage) [][]byte {
		last := chunk("STOP", object{"text": ""})
		if u != nil {
			last["usageMetadata"] = object{
				"promptTokenCount": u.InputTokens, "cachedContentTokenCount": u.CachedTokens, "candidatesTokenCount": u.OutputTokens,
			}
		}

		return [][]byte{llmtest.Data("", last)}
	},
	Error: func(code string) []byte { return llmtest.Data("", failure(http.StatusServiceUnavailable, code)) },
}
