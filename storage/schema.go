package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"trunkline/migrations"
)

// Versions are the numbers of a schema: 0 is an empty database.
type Versions struct {
	Have int64 // of the database
	Want int64 // of this program
}

// Migrate brings the schema up to this program's version and returns the
// versions before. Of several nodes that do so at once, one does it and the
// others wait. A schema that is newer than this program is left alone:
// ErrSchemaNew.
func (s *Store) Migrate(ctx context.Context) (Versions, error) {
	var before Versions
	err := s.withGoose(func(p *goose.Provider) error {
		var err error
		if before, err = s.versions(ctx, p); err != nil {
			return err
		}
		if before.Have > before.Want {
			return s.schemaNew(before)
		}
		_, err = p.Up(ctx)
		return classify("migrate the database", s.where, err)
	})
	return before, err
}

// MigrateDown undoes migrations until the schema has the given version; 0
// removes every table with all records in it.
func (s *Store) MigrateDown(ctx context.Context, version int64) error {
	return s.withGoose(func(p *goose.Provider) error {
		_, err := p.DownTo(ctx, version)
		return classify("undo migrations of the database", s.where, err)
	})
}

// CheckSchema returns ErrSchemaOld or ErrSchemaNew when the schema does not
// fit this program. It changes nothing.
func (s *Store) CheckSchema(ctx context.Context) (Versions, error) {
	var v Versions
	err := s.withGoose(func(p *goose.Provider) error {
		var err error
		if v, err = s.versions(ctx, p); err != nil {
			return err
		}
		switch {
		case v.Have < v.Want:
			return &failure{
				op: "check the schema", where: s.where, kind: ErrSchemaOld, hint: hintRunMigrate,
				cause: fmt.Errorf("it has version %d, this program needs %d", v.Have, v.Want),
			}
		case v.Have > v.Want:
			return s.schemaNew(v)
		}
		return nil
	})
	return v, err
}

func (s *Store) schemaNew(v Versions) error {
	return &failure{
		op: "check the schema", where: s.where, kind: ErrSchemaNew, hint: hintNewerTrunkline,
		cause: fmt.Errorf("it has version %d, this program knows up to %d", v.Have, v.Want),
	}
}

// versions reads the schema's version without creating goose's own table.
func (s *Store) versions(ctx context.Context, p *goose.Provider) (Versions, error) {
	var v Versions
	for _, source := range p.ListSources() {
		v.Want = max(v.Want, source.Version)
	}
	var migrated bool
	err := s.pool.QueryRow(ctx, `SELECT to_regclass('goose_db_version') IS NOT NULL`).Scan(&migrated)
	if err == nil && migrated {
		err = s.pool.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&v.Have)
	}
	return v, classify("read the schema's version", s.where, err)
}

// Other nodes' migrations are waited for this long, asking every second.
const (
	lockInterval = 1 // seconds
	lockAttempts = 120
)

// withGoose runs do with a provider on a connection pool of its own.
func (s *Store) withGoose(do func(*goose.Provider) error) (err error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockInterval, lockAttempts))
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	db := stdlib.OpenDB(*s.pool.Config().ConnConfig)
	db.SetConnMaxIdleTime(time.Second)
	defer func() {
		err = errors.Join(err, db.Close())
		s.pool.Reset() // connections take the role that the schema now has
	}()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.Files, goose.WithSessionLocker(locker),
		goose.WithGoMigrations(s.jobsSchema()))
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	return do(provider)
}
