package main

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"trunkline/engine"
	"trunkline/pipeline"
)

// talkCmd is the agent's conversation, typed.
type talkCmd struct {
	Agent string `help:"Agent to talk to; the first one by default." placeholder:"NAME"`
}

func (t *talkCmd) Run(ctx context.Context, c *cli, std *streams) (err error) {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	a, err := chosenAgent(&cfg, t.Agent)
	if err != nil {
		return err
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
