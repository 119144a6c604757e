package script

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"trunkline/pipeline"
)

// call is a tool that an intent calls before it is answered.
type call struct {
	Tool   string            `yaml:"tool"`
	Args   map[string]string `yaml:"args"`   // texts; may name slots and vars
	Wait   []string          `yaml:"wait"`   // said meanwhile
	Failed []string          `yaml:"failed"` // the answer when it did not work
}

// callPlan is a call made ready for use.
type callPlan struct {
	tool         string
	args         map[string]template
	wait, failed []template
}

// resultName stands for what the tool gave; resultName and a dot for a part.
const resultName = "result"

// isResult reports whether a name in a text stands for a tool's result.
func isResult(name string) bool {
	return name == resultName || strings.HasPrefix(name, resultName+".")
}

// call compiles an intent's call; nil when it has none.
func (c *compiler) call(at string, in *intent, slots []*slotPlan) *callPlan {
	if in.Call == nil {
		return nil
	}
	if in.Call.Tool == "" {
		c.failf(at, "the call names no tool; add tool: and the name that the configuration gives it")
	}
	if len(in.Call.Failed) == 0 {
		c.failf(at, "the call has no failed texts; add what the agent answers when the tool did not work")
	}
	p := &callPlan{tool: in.Call.Tool, args: make(map[string]template, len(in.Call.Args))}
	for name, text := range in.Call.Args {
		p.args[name] = c.text(at+".args."+name, text, slots)
	}
	p.wait = c.texts(at+".wait", in.Call.Wait, slots)
	p.failed = c.texts(at+".failed", in.Call.Failed, slots)

	return p
}

// call asks for an intent's tool. The answer follows its result.
func (d *dialogue) call(in *intentPlan) reply {
	args := make(map[string]string, len(in.call.args))
	for name, t := range in.call.args {
		args[name] = t.expand(d.values, d.vars, d.s.vars)
	}
	b, err := json.Marshal(args)
	if err != nil {
		b = []byte("{}")
	}
	d.doing, d.open = nil, nothingAsked

	return reply{
		answer: d.pick("wait of "+in.name, in.call.wait), intent: in,
		call: &pipeline.ToolCall{Name: in.call.tool, Args: b},
	}
}

// resume answers the intent whose tool has given a result.
func (d *dialogue) resume(in *intentPlan, res pipeline.ToolResult) reply {
	for name := range d.values {
		if isResult(name) {
			delete(d.values, name)
		}
	}
	r := reply{act: in.act}
	if res.Failed {
		r = reply{answer: d.pick("failed of "+in.name, in.call.failed)}
	} else {
		var v any
		if json.Unmarshal([]byte(res.Content), &v) != nil {
			v = res.Content
		}
		d.flatten(resultName, v)
		r.answer, r.protected = d.pick("replies of "+in.name, in.replies), in.protected
	}
	if r.act == nil && in.more {
		d.open = moreAsked
		r.question = d.ask()
	}
	d.last, d.heard, d.prompted = r, false, false

	return r
}

// flatten names the parts of a result.
func (d *dialogue) flatten(name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, part := range v {
			d.flatten(name+"."+k, part)
		}
	case []any:
		for i, part := range v {
			d.flatten(name+"."+strconv.Itoa(i), part)
		}
	case float64:
		d.values[name] = strconv.FormatFloat(v, 'f', -1, 64)
	case nil:
	default:
		d.values[name] = fmt.Sprint(v)
	}
}

// follow takes what came between two messages of the caller: what the agent
// said, and the results of the tools that it called. It gives the answer to a
// result that was not answered yet.
func (d *dialogue) follow(messages []pipeline.Message, last bool) (r reply, answers bool) {
	for i, m := range messages {
		if m.Role != pipeline.Tool || d.last.call == nil || len(m.Results) == 0 {
			continue
		}
		rest := messages[i+1:]
		if len(rest) == 0 && !last { // it was cut off: asked again, the call gives the same
			break
		}
		r = d.resume(d.last.intent, m.Results[len(m.Results)-1])
		d.said(rest)

		return r, len(rest) == 0
	}
	d.said(messages)

	return reply{}, false
}

// Tools are the names of the tools that the script calls, sorted.
func (s *Script) Tools() []string {
	names := make(map[string]bool)
	for _, in := range s.intents {
		if in.call != nil {
			names[in.call.tool] = true
		}
	}

	return slices.Sorted(maps.Keys(names))
}
