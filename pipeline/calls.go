package pipeline

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"trunkline/pipeline/turn"
	"trunkline/privacy"
)

const (
	// maxRounds bounds how often the model may call tools in one reply. After
	// that it has to do with what it knows.
	maxRounds = 4
	// maxCalls bounds the calls of one round.
	maxCalls = 8
)

// toolNews tells the loop of a call.
type toolNews struct {
	round  int
	call   ToolCall
	effect *effect     // what it changes; nil: nothing
	result *ToolResult // nil: it begins
	taken  chan claim  // of one that begins: the loop's answer
}

// claim says whether a call may begin.
type claim struct {
	ok     bool
	effect *effect // what it changes; nil: nothing
	isNew  bool    // the effect's call is to be made; else it was, by another reply
}

// callTools runs the calls of a round at the same time, and gives their results
// in order. The reply was adopted before: a guess changes nothing.
func (r *replying) callTools(n int, calls []ToolCall) ([]ToolResult, error) {
	select {
	case <-r.adopted:
	case <-r.ctx.Done():
		return nil, context.Cause(r.ctx)
	}
	results := make([]ToolResult, len(calls))
	acts := make([]*Act, len(calls))
	var all sync.WaitGroup
	for i, call := range calls {
		if i >= maxCalls {
			results[i] = ToolResult{ID: call.ID, Name: call.Name, Content: "too many calls at once; it was not made", Failed: true}

			continue
		}
		mine := r.begin(n, call) // in order, so that the history has them so
		all.Go(func() { results[i], acts[i] = r.callTool(n, call, mine) })
	}
	all.Wait()
	for _, a := range acts {
		if a != nil && r.act == nil {
			r.act = a
		}
	}
	if err := context.Cause(r.ctx); err != nil {
		return nil, err
	}

	return results, nil
}

// callTool runs one call, or waits for the same one that an interrupted reply
// has made. When the reply is cut off, a call that changes something goes on
// without it.
func (r *replying) callTool(n int, call ToolCall, mine claim) (ToolResult, *Act) {
	c, e := r.conv, mine.effect
	began := time.Now()
	switch {
	case !mine.ok:
		return ToolResult{}, nil
	case e == nil:
		out := c.cfg.Tools.Run(r.ctx, c.scope(r.id, call, c.callKey(call)), call)
		r.tell(n, call, nil, out.Result, began)

		return out.Result, out.Act
	case mine.isNew:
		c.work.Go(func() {
			e.finish(c.cfg.Tools.Run(context.WithoutCancel(r.ctx), c.scope(r.id, call, e.key), e.call))
			r.tell(n, call, e, e.outcome.Result, began)
		})
	default:
		c.work.Go(func() {
			<-e.done // bounded as the call is
			r.tell(n, call, e, e.outcome.Result, began)
		})
	}
	select {
	case <-e.done:
	case <-r.ctx.Done():
		return ToolResult{}, nil
	}
	res := e.outcome.Result
	res.ID = call.ID

	return res, e.outcome.Act
}

// callKey names a call to its service as no other call in the world.
func (c *Conversation) callKey(call ToolCall) string { return c.cfg.CallID + "-" + call.ID }

// scope is what a tool that the utterance id calls knows of the conversation.
func (c *Conversation) scope(id int, call ToolCall, key string) ToolScope {
	s := ToolScope{CallID: c.cfg.CallID, Vars: c.cfg.Vars, Key: key, Keys: c.cfg.Keys, Language: c.changeLanguage}
	s.Ask = func(ctx context.Context, asks []Ask) ([]string, error) { return c.ask(ctx, id, call, asks) }
	if c.cfg.Called != nil {
		s.Trace = c.cfg.Called(call)
	}

	return s
}

// begin asks the loop whether the reply still counts, so that no call is made
// that its history would not know of.
func (r *replying) begin(n int, call ToolCall) claim {
	taken := make(chan claim, 1)
	r.conv.give(message{
		kind: isTool, at: time.Now(), tool: &toolNews{round: n, call: call, taken: taken},
		event: turn.Event{Kind: turn.ToolStarted, Utterance: r.id, Tool: call.Name, Call: call.ID, Text: masked(call.Args)},
	})
	select {
	case answer := <-taken:
		return answer
	case <-r.conv.ctx.Done():
		return claim{}
	}
}

// tell gives the loop the result of a call.
func (r *replying) tell(n int, call ToolCall, e *effect, res ToolResult, began time.Time) {
	res.ID = call.ID
	event := turn.Event{Kind: turn.ToolDone, Utterance: r.id, Tool: call.Name, Call: call.ID, Took: time.Since(began)}
	if res.Failed {
		event.Kind = turn.ToolFailed
	}
	r.conv.give(message{kind: isTool, at: time.Now(), event: event, tool: &toolNews{round: n, call: call, effect: e, result: &res}})
}

// toolNews takes news of a call. What began in a reply that was cut off since
// does not begin.
func (c *Conversation) toolNews(m message) {
	n, u := m.tool, c.speaking
	mine := u != nil && u.id == m.event.Utterance
	switch {
	case n.result == nil && !mine:
		n.taken <- claim{}

		return
	case n.result == nil:
		answer := claim{ok: true}
		if c.cfg.Tools.Traits(n.call.Name).SideEffect {
			answer.effect, answer.isNew = c.effects.claim(n.call, c.callKey(n.call))
		}
		r := u.round(n.round)
		r.calls, r.kept, r.result = append(r.calls, n.call), append(r.kept, answer.effect), append(r.result, ToolResult{})
		n.taken <- answer
	case mine:
		r := u.round(n.round)
		if i := slices.IndexFunc(r.calls, func(t ToolCall) bool { return t.ID == n.call.ID }); i >= 0 {
			r.result[i] = *n.result
		}
	case n.effect == nil:
		return // it was cut off with its reply
	default:
		c.settleHistory(*n.result)
	}
	c.step(m.event, m.at)
}

// fillerText is what is said while the caller waits: the line of the tool that
// is waited for, when it has any.
func (c *Conversation) fillerText(a turn.Action) string {
	if u := c.speaking; u != nil && c.cfg.Tools != nil {
		for _, r := range u.rounds {
			for i, call := range r.calls {
				if own := c.cfg.Tools.Traits(call.Name).Filler; r.result[i].ID == "" && len(own) > 0 {
					if text := own[a.Stage%len(own)]; c.tongue.Load().Lines.has(text) {
						return text
					}
				}
			}
		}
	}

	return c.tongue.Load().Lines.text(a.Line, a.Stage)
}

// keepChanges takes the calls that change something into the history, of a
// reply of which nothing was heard. The caller's turn before them stays, also
// when it goes on.
func (c *Conversation) keepChanges(u *utterance) {
	if kept := u.changes(); len(kept) > 0 {
		c.history = append(c.history, kept...)
		c.caller.kept = c.caller.open
	}
}

// masked tells the names of a call's arguments, and of what kind they are.
func masked(args json.RawMessage) string {
	var values map[string]any
	if json.Unmarshal(args, &values) != nil {
		return ""
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(values)) {
		kind := "[object]"
		switch v := values[k].(type) {
		case string:
			kind = privacy.Words(v).Masked()
		case float64:
			kind = "[number]"
		case bool:
			kind = "[true or false]"
		case []any:
			kind = "[list]"
		case nil:
			kind = "[nothing]"
		}
		parts = append(parts, k+"="+kind)
	}

	return strings.Join(parts, " ")
}
