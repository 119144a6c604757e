package realtime

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/gorilla/websocket"

	"trunkline/pipeline"
	"trunkline/pipeline/prompt"
)

// Typed is the same model for typed conversations: it reads the history and
// answers with text, in a session of its own for each reply. It is what
// `trunkline talk` and typed scenarios talk to.
func (p *Provider) Typed() pipeline.Model { return typed{p} }

type typed struct{ *Provider }

// Generate implements pipeline.Model.
func (m typed) Generate(ctx context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		conn, err := m.dial(ctx, m.cfg.typedSession(req.System, req.Tools))
		if err != nil {
			yield(pipeline.Delta{}, err)

			return
		}
		defer conn.Close()
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		all := objects(req.History)
		if req.Said != "" {
			all = append(all, agentSaid(req.Said), callerSaid(prompt.Continue))
		}
		for _, o := range append(all, object{"type": "response.create"}) {
			if err := conn.WriteJSON(o); err != nil {
				yield(pipeline.Delta{}, m.client.Closed(ctx, err))

				return
			}
		}
		m.stream(ctx, conn, yield)
	}
}

// stream is one reply.
func (m typed) stream(ctx context.Context, conn *websocket.Conn, yield func(pipeline.Delta, error) bool) {
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			yield(pipeline.Delta{}, m.client.Closed(ctx, err))

			return
		}
		e, err := parse(m.client, data)
		if err != nil {
			yield(pipeline.Delta{}, err)

			return
		}
		more := true
		switch e.Type {
		case "response.output_text.delta":
			more = yield(pipeline.Delta{Text: e.Delta}, nil)
		case "response.function_call_arguments.done":
			args := json.RawMessage(e.Arguments)
			if len(args) == 0 {
				args = json.RawMessage("{}")
			}
			more = yield(pipeline.Delta{Call: &pipeline.ToolCall{ID: e.CallID, Name: e.Name, Args: args}}, nil)
		case "error":
			yield(pipeline.Delta{}, m.client.Failed(e.code))

			return
		case "response.done":
			m.done(ctx, e, yield)

			return
		}
		if !more {
			return
		}
	}
}

// done tells what a reply has cost, or why it failed.
func (m typed) done(ctx context.Context, e *event, yield func(pipeline.Delta, error) bool) {
	used := &e.Response.Usage
	pipeline.Tell(ctx, pipeline.News{Kind: pipeline.Charged, Stage: pipeline.Converse, Provider: m.cfg.Name, Cost: m.cfg.Price.of(used)})
	if e.Response.Status == "failed" {
		yield(pipeline.Delta{}, m.client.Failed(e.code))

		return
	}
	yield(pipeline.Delta{Usage: &pipeline.Usage{
		InputTokens: used.InputTokens, CachedTokens: used.Input.Cached.Text + used.Input.Cached.Audio, OutputTokens: used.OutputTokens,
	}}, nil)
}
