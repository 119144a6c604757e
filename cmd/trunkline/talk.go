package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"trunkline/engine"
	"trunkline/pipeline"
)

// talkCmd is the agent's conversation, typed.
type talkCmd struct {
	Agent string `help:"Agent to talk to; the first one by default."`
}

func (t *talkCmd) Run(ctx context.Context, c *cli, std *streams) (err error) {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	a := cfg.Agents[0]
	if t.Agent != "" {
		var ok bool
		if a, ok = cfg.Agent(t.Agent); !ok {
			return usageError(fmt.Sprintf("no agent is called %q", t.Agent))
		}
	}
	e, err := engine.OpenModel(engine.Options{StateDir: cfg.StateDir}, &a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()

	settings := engine.Conversation(&a)
	settings.CallID = uuid.NewString() // names its calls of tools
	if err := equip(&settings, &a, nil, nil); err != nil {
		return err
	}
	if err := callable(e.Script, settings.Tools); err != nil {
		return err
	}

	return pipeline.Talk(ctx, settings, e.Model, e.Texts(&a), std.in, std.out)
}
