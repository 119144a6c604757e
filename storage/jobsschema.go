package storage

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// The tables of the job queue are River's own: one migration of ours brings
// them to the version of River that this program is built with. A later River
// that needs more is a further migration with its own target.
const (
	jobsMigration = 13
	riverVersion  = 8
	riverNothing  = -1 // none of its tables are left
)

// jobsSchema is that migration. It works on connections of its own, as the
// owner of the schema; goose holds its lock meanwhile.
func (s *Store) jobsSchema() *goose.Migration {
	step := func(direction rivermigrate.Direction, target int) *goose.GoFunc {
		return &goose.GoFunc{RunDB: func(ctx context.Context, _ *sql.DB) error {
			config := s.pool.Config()
			config.AfterConnect, config.MaxConns = nil, 2
			pool, err := pgxpool.NewWithConfig(ctx, config)
			if err != nil {
				return err
			}
			defer pool.Close()
			migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
			if err == nil {
				_, err = migrator.Migrate(ctx, direction, &rivermigrate.MigrateOpts{TargetVersion: target})
			}
			if err != nil {
				return fmt.Errorf("the tables of the job queue: %w", err)
			}

			return nil
		}}
	}

	return goose.NewGoMigration(jobsMigration, step(rivermigrate.DirectionUp, riverVersion), step(rivermigrate.DirectionDown, riverNothing))
}
