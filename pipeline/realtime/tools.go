package realtime

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/turn"
)

// toolCall is a call of a tool, from its wish to its result.
type toolCall struct {
	call      pipeline.ToolCall
	utterance *utterance
	key       string // its name with its arguments
	began     time.Time
	result    *pipeline.ToolResult // nil: there is none yet
	act       *pipeline.Act
	others    []*toolCall // calls for the same, which get the same result
}

// callTool runs what the model calls. A call that changes something and is
// running, for a reply that was cut off since, is not made twice.
func (c *Conversation) callTool(u *utterance, e *event, at time.Time) {
	args := json.RawMessage(e.Arguments)
	if strings.TrimSpace(e.Arguments) == "" {
		args = json.RawMessage("{}")
	}
	t := &toolCall{call: pipeline.ToolCall{ID: e.CallID, Name: e.Name, Args: args}, utterance: u, began: at}
	t.key = t.call.Name + " " + string(args)
	u.items = append(u.items, &item{call: t})
	u.working++
	u.owed = true
	c.step(turn.Event{Kind: turn.ToolStarted, Utterance: u.id, Tool: t.call.Name, Call: t.call.ID}, at)
	switch {
	case c.cfg.Tools == nil || !json.Valid(args) || args[0] != '{' || u.rounds > maxRounds:
		t.result = &pipeline.ToolResult{ID: t.call.ID, Name: t.call.Name, Content: "it cannot be called so", Failed: true}
		c.toolDone(t, at)

		return
	case c.running[t.key] != nil:
		first := c.running[t.key]
		first.others = append(first.others, t)

		return
	}
	ctx := u.ctx
	if c.cfg.Tools.Traits(t.call.Name).SideEffect {
		ctx = context.WithoutCancel(u.ctx) // it has a bound of its own
		c.running[t.key] = t
	}
	scope := c.scope(u, &t.call)
	c.work.Go(func() {
		out := c.cfg.Tools.Run(ctx, scope, t.call)
		done := *t
		done.result, done.act = &out.Result, out.Act
		c.give(message{kind: isTool, tool: &done, at: time.Now()})
	})
}

// scope is what a tool knows of the conversation.
func (c *Conversation) scope(u *utterance, call *pipeline.ToolCall) pipeline.ToolScope {
	s := pipeline.ToolScope{CallID: c.cfg.CallID, Vars: c.cfg.Vars, Key: c.cfg.CallID + "-" + call.ID, Keys: c.cfg.Keys}
	s.Ask = func(ctx context.Context, asks []pipeline.Ask) ([]string, error) {
		// A tool that changes something outlives its reply, but asks nobody once
		// the call is over.
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(c.ctx, func() { cancel(errOver) })()

		return c.secret.Ask(ctx, asks, func(text string) {
			c.give(message{
				kind: isAsk, at: time.Now(), ask: text,
				event: turn.Event{Kind: turn.ToolAsked, Utterance: u.id, Tool: call.Name, Call: call.ID},
			})
		})
	}
	if c.cfg.Called != nil {
		s.Trace = c.cfg.Called(*call)
	}

	return s
}

// toolDone gives the model a result. A reply that goes on may go on with it.
func (c *Conversation) toolDone(done *toolCall, at time.Time) {
	t := done
	if first := c.running[done.key]; first != nil && first.call.ID == done.call.ID {
		t = first
		delete(c.running, done.key)
	}
	for _, each := range append([]*toolCall{t}, t.others...) {
		res := *done.result
		res.ID, res.Name = each.call.ID, each.call.Name
		u := each.utterance
		for _, it := range u.items {
			if it.call != nil && it.call.call.ID == each.call.ID {
				it.call.result = &res
			}
		}
		c.tell(returned(res.ID, res.Content))
		kind := turn.ToolDone
		if res.Failed {
			kind = turn.ToolFailed
		}
		u.working--
		c.step(turn.Event{Kind: kind, Utterance: u.id, Tool: res.Name, Call: res.ID, Took: at.Sub(each.began)}, at)
		if u != c.speaking {
			continue
		}
		if u.act == nil {
			u.act = done.act
		}
		c.goOn(u, at)
	}
}

// toolFiller is what is said while the caller waits for a tool, when it has a
// line of its own.
func (c *Conversation) toolFiller(stage int) string {
	u := c.speaking
	if u == nil || c.cfg.Tools == nil {
		return ""
	}
	for _, it := range u.items {
		if it.call != nil && it.call.result == nil {
			if own := c.cfg.Tools.Traits(it.call.call.Name).Filler; len(own) > 0 {
				return own[stage%len(own)]
			}
		}
	}

	return ""
}
