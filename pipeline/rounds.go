package pipeline

import (
	"slices"

	"trunkline/pipeline/spoken"
)

// running stands in the history for the result of a call that goes on although
// its reply was cut off. The result takes its place.
const running = `{"status":"running","note":"It goes on; its result comes by itself. To wait for it, call it again with the same arguments."}`

// round is one of the model's generations in a reply: words, and the calls that
// came with them.
type round struct {
	script spoken.Script
	calls  []ToolCall
	kept   []*effect    // for each of the calls: what it changes; nil when it changes nothing
	result []ToolResult // for each of the calls; without an ID while there is none
}

// round is the utterance's nth, from 0.
func (u *utterance) round(n int) *round {
	for len(u.rounds) <= n {
		u.rounds = append(u.rounds, &round{})
	}

	return u.rounds[n]
}

// add takes the next sentence of the utterance.
func (u *utterance) add(m message) {
	u.round(m.round).script.Add(m.said)
	u.text = joinText(u.text, m.said.Written())
}

// script is all words of the utterance.
func (u *utterance) script() *spoken.Script {
	var all spoken.Script
	for _, r := range u.rounds {
		all.Join(&r.script)
	}

	return &all
}

// messages are what the history holds of an utterance of which a beginning was
// heard. Whole: all of it was, and every call ran to its end. Of a cut one
// only those calls count that have a result or change something.
func (u *utterance) messages(heard string, whole bool) []Message {
	var all []Message
	lastSaid := -1
	for _, r := range u.rounds {
		m := Message{Role: Agent, Text: r.script.Written()}
		if !whole {
			m.Text, heard = r.script.Begin(heard)
		}
		results := r.known(&m)
		if m.Text == "" && len(m.Calls) == 0 {
			continue
		}
		if m.Text != "" {
			lastSaid = len(all)
		}
		all = append(all, m)
		if len(results) > 0 {
			all = append(all, Message{Role: Tool, Results: results})
		}
	}
	if !whole && lastSaid >= 0 {
		all[lastSaid].Cut = true
	}

	return all
}

// changes are the messages of an utterance of which nothing was heard: the
// calls that change something.
func (u *utterance) changes() []Message {
	var all []Message
	for _, r := range u.rounds {
		kept := &round{}
		for i, e := range r.kept {
			if e != nil {
				kept.calls, kept.kept, kept.result = append(kept.calls, r.calls[i]), append(kept.kept, e), append(kept.result, r.result[i])
			}
		}
		m := Message{Role: Agent}
		if results := kept.known(&m); len(results) > 0 {
			all = append(all, m, Message{Role: Tool, Results: results})
		}
	}

	return all
}

// known gives a message the calls that count, and returns their results.
func (r *round) known(m *Message) []ToolResult {
	var results []ToolResult
	for i, c := range r.calls {
		res := r.result[i]
		if res.ID == "" {
			if r.kept[i] == nil {
				continue
			}
			res = ToolResult{ID: c.ID, Name: c.Name, Content: running}
		}
		m.Calls = append(m.Calls, c)
		results = append(results, res)
	}

	return results
}

// changed lists what the utterance's calls change.
func (u *utterance) changed() []*effect {
	var all []*effect
	for _, r := range u.rounds {
		for _, e := range r.kept {
			if e != nil {
				all = append(all, e)
			}
		}
	}

	return all
}

// settleHistory puts a result in place of the note that its call is running.
// Requests share what messages point to, so that is replaced and not changed.
func (c *Conversation) settleHistory(res ToolResult) {
	for i := len(c.history) - 1; i >= 0; i-- {
		for j, old := range c.history[i].Results {
			if old.ID == res.ID && old.Content == running {
				c.history[i].Results = slices.Clone(c.history[i].Results)
				c.history[i].Results[j] = res

				return
			}
		}
	}
}
