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
// both numbers, and a way to press keys.
func (c *call) scope(settings *pipeline.Config) {
	vars := maps.Clone(settings.Vars)
	if vars == nil {
		vars = make(map[string]string, 2)
	}
	for name, value := range map[string]string{"caller": string(c.rec.From), "called": string(c.rec.To)} {
		if value != "" {
			vars[name] = value
		}
	}
	settings.CallID, settings.Vars, settings.Keys = c.rec.ID.String(), vars, c.press
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
