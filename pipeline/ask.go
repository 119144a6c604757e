package pipeline

import (
	"context"
	"time"

	"trunkline/pipeline/turn"
)

// ask has the caller key in what a tool that the utterance calls wants to know.
func (c *Conversation) ask(ctx context.Context, utterance int, call ToolCall, asks []Ask) ([]string, error) {
	// A tool that changes something outlives its reply, but asks nobody once
	// the call is over.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.ctx, func() { cancel(errOver) })()

	return c.secret.Ask(ctx, asks, func(text string) {
		c.give(message{
			kind: isAsk, at: time.Now(), ask: text,
			event: turn.Event{Kind: turn.ToolAsked, Utterance: utterance, Tool: call.Name, Call: call.ID},
		})
	})
}
