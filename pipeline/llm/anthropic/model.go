package anthropic

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"strings"

	"trunkline/pipeline"
	"trunkline/pipeline/vendor"
)

// BaseURL is where Anthropic answers.
const BaseURL = "https://api.anthropic.com"

// Version is the protocol's version, sent with each request.
const Version = "2023-06-01"

// defaultTokens bounds a reply: the protocol demands a bound, and nobody
// listens to more.
const defaultTokens = 1024

// Config chooses a model.
type Config struct {
	BaseURL     string // up to and without "/v1/messages"; empty: Anthropic's
	Key         vendor.Key
	Model       string
	Temperature *float64 // 0 to 1; nil: the server's default
	MaxTokens   int      // of a reply; 0: 1024
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
	c.MaxTokens = cmp.Or(c.MaxTokens, defaultTokens)
	h := http.Header{}
	h.Set("X-Api-Key", c.Key.Reveal())
	h.Set("Anthropic-Version", Version)

	return &Model{cfg: c, client: vendor.NewClient("anthropic"), header: h}
}

// Warm opens a connection.
func (m *Model) Warm(ctx context.Context) error {
	return m.client.Warm(ctx, m.cfg.BaseURL+"/v1/models")
}

// Check asks whether the key is good. It costs nothing.
func (m *Model) Check(ctx context.Context) error {
	return m.client.Get(ctx, m.cfg.BaseURL+"/v1/models?limit=1", m.header)
}

// Close closes the idle connections.
func (m *Model) Close() error { return m.client.Close() }

// Generate streams a reply.
func (m *Model) Generate(ctx context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		resp, err := m.client.Post(ctx, m.cfg.BaseURL+"/v1/messages", m.header, m.body(&req))
		if err != nil {
			yield(pipeline.Delta{}, err)

			return
		}
		defer resp.Body.Close()
		r := reading{client: m.client}
		for e, err := range m.client.Events(ctx, resp.Body) {
			var d pipeline.Delta
			if err == nil {
				d, err = r.event(e.Data)
			}
			if err != nil {
				yield(pipeline.Delta{}, err)

				return
			}
			if (d.Text != "" || d.Call != nil) && !yield(d, nil) {
				return
			}
			if r.over {
				yield(pipeline.Delta{Usage: &r.usage}, nil)

				return
			}
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		} else {
			err = m.client.Unavailable("the stream ended before the reply did")
		}
		yield(pipeline.Delta{}, err)
	}
}

// event is one event of a stream; which fields count depends on its type.
type event struct {
	Type    string `json:"type"`
	Message *struct {
		Usage usage `json:"usage"`
	} `json:"message"`
	Index        int `json:"index"`
	ContentBlock *struct {
		Type string `json:"type"`
		ID   string `json:"id"`
		Name string `json:"name"`
		Text string `json:"text"`
	} `json:"content_block"`
	Delta *struct {
		Type        string `json:"type"`
		Text        string `json:"text"`
		PartialJSON string `json:"partial_json"`
	} `json:"delta"`
	Usage *usage `json:"usage"`
}

type usage struct {
	Input   int `json:"input_tokens"`
	Created int `json:"cache_creation_input_tokens"`
	Read    int `json:"cache_read_input_tokens"`
	Output  int `json:"output_tokens"`
}

// reading is a reply as it comes.
type reading struct {
	client *vendor.Client
	call   *pipeline.ToolCall // whose arguments come
	args   strings.Builder
	usage  pipeline.Usage
	over   bool
}

// event takes one event's data and gives what is new.
func (r *reading) event(data []byte) (d pipeline.Delta, err error) {
	var e event
	if err := json.Unmarshal(data, &e); err != nil {
		return d, r.client.Garbled("an event is no JSON of a message: %w", vendor.Syntax(err))
	}
	switch e.Type {
	case "message_start":
		if e.Message != nil {
			u := e.Message.Usage
			r.usage = pipeline.Usage{InputTokens: u.Input + u.Created + u.Read, CachedTokens: u.Read, OutputTokens: u.Output}
		}
	case "content_block_start":
		if b := e.ContentBlock; b != nil {
			d.Text = b.Text
			if b.Type == "tool_use" {
				r.call = &pipeline.ToolCall{ID: cmp.Or(b.ID, vendor.NewID()), Name: b.Name}
				r.args.Reset()
			}
		}
	case "content_block_delta":
		if e.Delta == nil {
			return d, r.client.Garbled("a delta without a delta")
		}
		switch e.Delta.Type {
		case "text_delta":
			d.Text = e.Delta.Text
		case "input_json_delta":
			r.args.WriteString(e.Delta.PartialJSON)
		}
	case "content_block_stop":
		d.Call, err = r.called()
	case "message_delta":
		if e.Usage != nil {
			r.usage.OutputTokens = e.Usage.Output
		}
	case "message_stop":
		r.over = true
	case "error":
		return d, r.client.Failed(vendor.Code(data))
	}

	return d, err
}

// called is the call whose block has ended, if it was one.
func (r *reading) called() (*pipeline.ToolCall, error) {
	c := r.call
	if c == nil {
		return nil, nil
	}
	r.call = nil
	c.Args = json.RawMessage(cmp.Or(strings.TrimSpace(r.args.String()), "{}"))
	if c.Name == "" || !json.Valid(c.Args) || c.Args[0] != '{' {
		return nil, r.client.Garbled("a tool call has no name, or arguments that are no JSON object")
	}

	return c, nil
}
