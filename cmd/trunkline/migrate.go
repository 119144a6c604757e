package main

import (
	"context"
	"errors"
	"fmt"

	"trunkline/storage"
)

// migrateCmd brings a database to this version's schema.
type migrateCmd struct{}

func (migrateCmd) Run(ctx context.Context, c *cli, std *streams) error {
	store, release, err := c.openStore(ctx, std)
	if err != nil {
		return err
	}
	versions, err := store.Migrate(ctx)
	if err := errors.Join(err, release()); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "the database has schema %d, which is this version's\n", versions.Want)

	return nil
}

// openStore opens the configured database, or the private one, which it starts
// for the time being when no gateway runs it. release gives both back.
func (c *cli) openStore(ctx context.Context, std *streams) (store *storage.Store, release func() error, err error) {
	cfg, err := c.load()
	if err != nil {
		return nil, nil, err
	}
	cfg.Log.Level = quiet
	g := &gateway{cfg: cfg, log: newLogger(&cfg, std)}
	if err := g.openDatabase(ctx); err != nil {
		return nil, nil, errors.Join(err, g.stop(ctx))
	}

	return g.store, func() error { return g.stop(ctx) }, nil
}
