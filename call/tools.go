package call

import (
	"context"
	"maps"
	"strings"
	"time"

	"trunkline/pipeline"
)

// keyWait is what a "w" among keys waits for.
const keyWait = 500 * time.Millisecond

// scope gives a conversation what its tools and its prompt know of the call:
// both numbers, what the order told, and a way to press keys. The caller is the
// person that the agent talks with, whoever placed the call.
func (c *call) scope(settings *pipeline.Config) {
	vars := maps.Clone(settings.Vars)
	if vars == nil {
		vars = make(map[string]string)
	}
	caller, called := c.rec.From, c.rec.To
	if c.out != nil {
		caller, called = called, caller
		maps.Copy(vars, c.out.order.Vars)
	}
	for name, value := range map[string]string{
		"caller": string(caller), "called": string(called), "direction": string(c.rec.Direction),
		"purpose": c.rec.Purpose, "campaign": c.rec.Campaign,
	} {
		if value != "" {
			vars[name] = value
		}
	}
	settings.Redact = redactor()
	settings.CallID, settings.Vars, settings.Keys, settings.Mask = c.rec.ID.String(), vars, c.press, c.mask
	if c.notes.trace != nil {
		settings.Called = c.notes.trace.Called
	}
}

// press sends keys to the far end; each "w" among them waits.
func (c *call) press(ctx context.Context, keys string) error {
	for i, part := range strings.Split(keys, "w") {
		if i > 0 {
			wait := time.NewTimer(keyWait)
			select {
			case <-wait.C:
			case <-ctx.Done():
				wait.Stop()

				return context.Cause(ctx)
			}
		}
		if part == "" {
			continue
		}
		if _, err := c.m.SendDigits(ctx, c.rec.ID, part); err != nil {
			return err
		}
	}

	return nil
}
