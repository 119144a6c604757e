package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"trunkline/call"
	"trunkline/storage"
)

// whyCmd tells the story of a finished call.
type whyCmd struct {
	CallID uuid.UUID `arg:"" help:"The call's id, as in the log, on its page and in X-Trunkline-Call-Id." name:"call-id"`
}

func (w *whyCmd) Run(ctx context.Context, c *cli, std *streams) error {
	store, release, err := c.openStore(ctx, std)
	if err != nil {
		return err
	}
	h, err := store.Call(ctx, w.CallID)
	if errors.Is(err, storage.ErrNotFound) {
		err = fmt.Errorf("%s has no call %s: compare the id, and the database with the gateway's", store.Where(), w.CallID)
	}
	if err := errors.Join(err, release()); err != nil {
		return err
	}
	fmt.Fprintln(std.out, strings.Join(call.Story(&h), "\n"))

	return nil
}
