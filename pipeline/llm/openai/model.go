package openai

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"trunkline/pipeline"
	"trunkline/pipeline/vendor"
)

// BaseURL is where OpenAI itself answers.
const BaseURL = "https://api.openai.com/v1"

// Config chooses a model.
type Config struct {
	BaseURL     string     // up to and without "/chat/completions"; empty: OpenAI's
	Key         vendor.Key // empty: none is sent, as local servers want it
	Model       string
	Temperature *float64 // 0 to 2; nil: the server's default
	MaxTokens   int      // of a reply; 0: the server's bound
	Effort      string   // reasoning effort, such as "minimal"; empty: the server's default
}

// Model writes replies. It is safe for concurrent use.
type Model struct {
	cfg    Config
	client *vendor.Client
	header http.Header
	tokens string // how the bound of a reply is named
}

var (
	_ pipeline.Model  = (*Model)(nil)
	_ pipeline.Warmer = (*Model)(nil)
)

// New makes a Model.
func New(c Config) *Model {
	m := &Model{cfg: c, client: vendor.NewClient("openai"), header: http.Header{}, tokens: "max_tokens"}
	if own(c.BaseURL) { // its newer models take no other name
		m.tokens = "max_completion_tokens"
	}
	m.cfg.BaseURL = strings.TrimSuffix(cmp.Or(c.BaseURL, BaseURL), "/")
	if c.Key != "" {
		m.header.Set("Authorization", "Bearer "+c.Key.Reveal())
	}

	return m
}

// own tells whether OpenAI itself answers at an address.
func own(baseURL string) bool {
	u, err := url.Parse(baseURL)

	return err == nil && (baseURL == "" || u.Hostname() == "api.openai.com")
}

// Warm opens a connection.
func (m *Model) Warm(ctx context.Context) error {
	return m.client.Warm(ctx, m.cfg.BaseURL+"/models")
}

// Check asks whether the key is good. It costs nothing.
func (m *Model) Check(ctx context.Context) error {
	return m.client.Get(ctx, m.cfg.BaseURL+"/models", m.header)
}

// Close closes the idle connections.
func (m *Model) Close() error { return m.client.Close() }

// Generate streams a reply.
func (m *Model) Generate(ctx context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		resp, err := m.client.Post(ctx, m.cfg.BaseURL+"/chat/completions", m.header, m.body(&req))
		if err != nil {
			yield(pipeline.Delta{}, err)

			return
		}
		defer resp.Body.Close()
		r := reading{client: m.client}
		for e, err := range m.client.Events(ctx, resp.Body) {
			if err == nil {
				err = r.event(e.Data)
			}
			if err != nil {
				yield(pipeline.Delta{}, err)

				return
			}
			if r.text != "" && !yield(pipeline.Delta{Text: r.text}, nil) {
				return
			}
			if r.over {
				vendor.Finish(resp.Body)

				break
			}
		}
		r.end(ctx, yield)
	}
}

// chunk is a piece of a streamed completion.
type chunk struct {
	Choices []struct {
		Delta struct {
			Content   string `json:"content"`
			Refusal   string `json:"refusal"`
			ToolCalls []struct {
				Index    *int   `json:"index"`
				ID       string `json:"id"`
				Function struct {
					Name      string `json:"name"`
					Arguments string `json:"arguments"`
				} `json:"function"`
			} `json:"tool_calls"`
		} `json:"delta"`
		FinishReason string `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		PromptTokens        int `json:"prompt_tokens"`
		CompletionTokens    int `json:"completion_tokens"`
		PromptTokensDetails *struct {
			CachedTokens int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	} `json:"usage"`
	Error json.RawMessage `json:"error"`
}

// reading is a reply as it comes.
type reading struct {
	client   *vendor.Client
	text     string // of the latest event
	calls    []call
	usage    *pipeline.Usage
	finished bool // a reason was given
	over     bool // nothing more will come
}

type call struct {
	index    int
	id, name string
	args     strings.Builder
}

// maxCalls bounds the calls of one reply.
const maxCalls = 32

// event takes one event's data.
func (r *reading) event(data []byte) error {
	r.text = ""
	if string(data) == "[DONE]" {
		r.over = true

		return nil
	}
	var c chunk
	if err := json.Unmarshal(data, &c); err != nil {
		return r.client.Garbled("a chunk is no JSON of a completion: %w", vendor.Syntax(err))
	}
	if len(c.Error) > 0 && string(c.Error) != "null" {
		return r.client.Failed(vendor.Code(data))
	}
	if u := c.Usage; u != nil {
		r.usage = &pipeline.Usage{InputTokens: u.PromptTokens, OutputTokens: u.CompletionTokens}
		if u.PromptTokensDetails != nil {
			r.usage.CachedTokens = u.PromptTokensDetails.CachedTokens
		}
	}
	if len(c.Choices) == 0 {
		return nil
	}
	choice := &c.Choices[0]
	r.text = choice.Delta.Content + choice.Delta.Refusal
	for i := range choice.Delta.ToolCalls {
		t := &choice.Delta.ToolCalls[i]
		index := len(r.calls) // a server without indexes sends whole calls
		if t.Index != nil {
			index = *t.Index
		}
		at := r.call(index)
		if at == nil {
			return r.client.Garbled("more than %d calls in one reply", maxCalls)
		}
		at.id, at.name = cmp.Or(at.id, t.ID), cmp.Or(at.name, t.Function.Name)
		at.args.WriteString(t.Function.Arguments)
	}
	r.finished = r.finished || choice.FinishReason != ""

	return nil
}

// call finds the call of an index, or begins it. It is nil when there are too
// many.
func (r *reading) call(index int) *call {
	for i := range r.calls {
		if r.calls[i].index == index {
			return &r.calls[i]
		}
	}
	if len(r.calls) == maxCalls {
		return nil
	}
	r.calls = append(r.calls, call{index: index})

	return &r.calls[len(r.calls)-1]
}

// end gives the calls and the usage, or the fault of a stream that ended early.
func (r *reading) end(ctx context.Context, yield func(pipeline.Delta, error) bool) {
	switch {
	case ctx.Err() != nil:
		yield(pipeline.Delta{}, context.Cause(ctx))

		return
	case !r.finished:
		yield(pipeline.Delta{}, r.client.Unavailable("the stream ended before the reply did"))

		return
	}
	for i := range r.calls {
		c, err := r.calls[i].whole(r.client)
		if err != nil {
			yield(pipeline.Delta{}, err)

			return
		}
		if !yield(pipeline.Delta{Call: c}, nil) {
			return
		}
	}
	if r.usage != nil {
		yield(pipeline.Delta{Usage: r.usage}, nil)
	}
}

// whole is the call, checked.
func (c *call) whole(client *vendor.Client) (*pipeline.ToolCall, error) {
	args := json.RawMessage(cmp.Or(strings.TrimSpace(c.args.String()), "{}"))
	if c.name == "" || !json.Valid(args) || args[0] != '{' {
		return nil, client.Garbled("a tool call has no name, or arguments that are no JSON object")
	}

	return &pipeline.ToolCall{ID: cmp.Or(c.id, vendor.NewID()), Name: c.name, Args: args}, nil
}
