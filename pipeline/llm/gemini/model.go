package gemini

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

// BaseURL is where Google answers.
const BaseURL = "https://generativelanguage.googleapis.com/v1beta"

// Config chooses a model.
type Config struct {
	BaseURL     string // up to and without "/models"; empty: Google's
	Key         vendor.Key
	Model       string
	Temperature *float64 // 0 to 2; nil: the server's default
	MaxTokens   int      // of a reply; 0: the server's bound
	Thinking    *int     // budget of thought tokens; nil: the server's default, 0: none
}

// Model writes replies. It is safe for concurrent use.
type Model struct {
	cfg    Config
	client *vendor.Client
	header http.Header
}

var (
	_ pipeline.Model  = (*Model)(nil)
	_ pipeline.Warmer = (*Model)(nil)
)

// New makes a Model.
func New(c Config) *Model {
	c.BaseURL = strings.TrimSuffix(cmp.Or(c.BaseURL, BaseURL), "/")
	h := http.Header{}
	h.Set("X-Goog-Api-Key", c.Key.Reveal())

	return &Model{cfg: c, client: vendor.NewClient("gemini"), header: h}
}

// Warm opens a connection.
func (m *Model) Warm(ctx context.Context) error { return m.client.Warm(ctx, m.cfg.BaseURL+"/models") }

// Check asks whether the key is good. It costs nothing.
func (m *Model) Check(ctx context.Context) error {
	return m.client.Get(ctx, m.cfg.BaseURL+"/models?pageSize=1", m.header)
}

// Close closes the idle connections.
func (m *Model) Close() error { return m.client.Close() }

// Generate streams a reply.
func (m *Model) Generate(ctx context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		at := m.cfg.BaseURL + "/models/" + url.PathEscape(m.cfg.Model) + ":streamGenerateContent?alt=sse"
		resp, err := m.client.Post(ctx, at, m.header, m.body(&req))
		if err != nil {
			yield(pipeline.Delta{}, err)

			return
		}
		defer resp.Body.Close()
		r := reading{client: m.client}
		for e, err := range m.client.Events(ctx, resp.Body) {
			var deltas []pipeline.Delta
			if err == nil {
				deltas, err = r.event(e.Data)
			}
			for _, d := range deltas {
				if !yield(d, nil) {
					return
				}
			}
			if err != nil {
				yield(pipeline.Delta{}, err)

				return
			}
		}
		switch {
		case ctx.Err() != nil:
			yield(pipeline.Delta{}, context.Cause(ctx))
		case !r.finished:
			yield(pipeline.Delta{}, m.client.Unavailable("the stream ended before the reply did"))
		case r.usage != nil:
			yield(pipeline.Delta{Usage: r.usage}, nil)
		}
	}
}

// chunk is a piece of a streamed answer.
type chunk struct {
	Candidates []struct {
		Content struct {
			Parts []part `json:"parts"`
		} `json:"content"`
		FinishReason string `json:"finishReason"`
	} `json:"candidates"`
	PromptFeedback *struct {
		BlockReason string `json:"blockReason"`
	} `json:"promptFeedback"`
	UsageMetadata *struct {
		Prompt     int `json:"promptTokenCount"`
		Cached     int `json:"cachedContentTokenCount"`
		Candidates int `json:"candidatesTokenCount"`
		Thoughts   int `json:"thoughtsTokenCount"`
	} `json:"usageMetadata"`
	Error json.RawMessage `json:"error"`
}

// reading is a reply as it comes.
type reading struct {
	client   *vendor.Client
	usage    *pipeline.Usage
	finished bool
}

// event takes one event's data and gives what is new.
func (r *reading) event(data []byte) ([]pipeline.Delta, error) {
	var c chunk
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, r.client.Garbled("a chunk is no JSON of an answer: %w", vendor.Syntax(err))
	}
	switch {
	case len(c.Error) > 0 && string(c.Error) != "null":
		return nil, r.client.Failed(vendor.Code(data))
	case c.PromptFeedback != nil && c.PromptFeedback.BlockReason != "":
		return nil, r.client.Failed("invalid_prompt")
	}
	if u := c.UsageMetadata; u != nil {
		r.usage = &pipeline.Usage{InputTokens: u.Prompt, CachedTokens: u.Cached, OutputTokens: u.Candidates + u.Thoughts}
	}
	if len(c.Candidates) == 0 {
		return nil, nil
	}
	r.finished = r.finished || c.Candidates[0].FinishReason != ""
	var out []pipeline.Delta
	for i := range c.Candidates[0].Content.Parts {
		p := &c.Candidates[0].Content.Parts[i]
		switch {
		case p.FunctionCall != nil:
			call, err := p.FunctionCall.whole(r.client)
			if err != nil {
				return out, err
			}
			out = append(out, pipeline.Delta{Call: call})
		case p.Text != "" && !p.Thought:
			out = append(out, pipeline.Delta{Text: p.Text})
		}
	}

	return out, nil
}

// whole is the call, checked.
func (c *functionCall) whole(client *vendor.Client) (*pipeline.ToolCall, error) {
	args := c.Args
	if len(args) == 0 || string(args) == "null" {
		args = json.RawMessage("{}")
	}
	if c.Name == "" || args[0] != '{' {
		return nil, client.Garbled("a function call has no name, or arguments that are no JSON object")
	}

	return &pipeline.ToolCall{ID: cmp.Or(c.ID, vendor.NewID()), Name: c.Name, Args: args}, nil
}
