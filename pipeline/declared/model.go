package declared

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"trunkline/pipeline"
)

// Model replies after declared delays. Its fields must not be changed once it
// is in use.
type Model struct {
	// FirstToken is from the first iteration of the sequence to its first
	// delta.
	FirstToken time.Duration
	// TokensPerSecond is the pace of the further deltas; 0 means all at once.
	TokensPerSecond float64
	// Reply gives the text and the act of a reply; a word and the space
	// before it are one token. A nil Reply says "I see. Please go on."
	Reply func(pipeline.Request) (string, *pipeline.Act)
	// Calls gives the tools that a reply calls, after its text and before its
	// act; nil means none. Their ID may be left out.
	Calls func(pipeline.Request) []pipeline.ToolCall
	// Faults are counted over all replies of the Model.
	Faults Plan

	replies counter
}

var _ pipeline.Model = (*Model)(nil)

// Replies is a Reply that says the texts in turn, by the number of the
// caller's messages so far.
func Replies(texts ...string) func(pipeline.Request) (string, *pipeline.Act) {
	return func(req pipeline.Request) (string, *pipeline.Act) {
		n := 0
		for _, m := range req.History {
			if m.Role == pipeline.Caller {
				n++
			}
		}
		if len(texts) == 0 || n == 0 {
			return "", nil
		}
		return texts[(n-1)%len(texts)], nil
	}
}

// Generate streams the reply at the declared pace.
func (m *Model) Generate(ctx context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		w := deadlines{start: time.Now()}
		defer w.stop()
		fault := m.Faults.fault(m.replies.next())
		text, act := "I see. Please go on.", (*pipeline.Act)(nil)
		if m.Reply != nil {
			text, act = m.Reply(req)
		}
		var calls []pipeline.ToolCall
		if m.Calls != nil {
			calls = m.Calls(req)
		}
		step := time.Duration(0)
		if m.TokensPerSecond > 0 {
			step = time.Duration(float64(time.Second) / m.TokensPerSecond)
		}
		fail := func(err error) { yield(pipeline.Delta{}, fmt.Errorf("declared model: %w", err)) }
		for n := 0; text != "" || act != nil || len(calls) > 0; n++ {
			if err := w.wait(ctx, m.FirstToken+time.Duration(n)*step); err != nil {
				fail(err)
				return
			}
			if fault.strikes(n) {
				fail(fault.strike(ctx))
				return
			}
			d := pipeline.Delta{}
			d.Text, text = token(text)
			switch {
			case d.Text != "":
			case len(calls) > 0:
				d.Call, calls = &calls[0], calls[1:]
			default:
				d.Act, act = act, nil
			}
			if !yield(d, nil) {
				return
			}
		}
	}
}

// token takes the first word of text, with the space before it.
func token(text string) (first, rest string) {
	lead := len(text) - len(strings.TrimLeft(text, " "))
	end := strings.IndexByte(text[lead:], ' ')
	if end < 0 {
		return text, ""
	}
	return text[:lead+end], text[lead+end:]
}
