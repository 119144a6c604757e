package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"trunkline/call"
)

// whyCmd tells the story of a finished call.
type whyCmd struct {
	CallID string `arg:"" help:"The call's id, as in the records and in X-Trunkline-Call-Id." name:"call-id"`
}

func (w *whyCmd) Run(ctx context.Context, c *cli, std *streams) error {
	id, err := uuid.Parse(w.CallID)
	if err != nil {
		return usageError(fmt.Sprintf("%q is not a call id: %v", w.CallID, err))
	}
	store, release, err := c.openStore(ctx, std)
	if err != nil {
		return err
	}
	h, err := store.Call(ctx, id)
	if err := errors.Join(err, release()); err != nil {
		return err
	}
	fmt.Fprintln(std.out, strings.Join(call.Story(&h), "\n"))

	return nil
}
