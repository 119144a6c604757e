package storage

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"trunkline/privacy"
)

// Callback is a promise to call somebody.
type Callback struct {
	Key    string    // names the promise; a second one with the same key is the same
	CallID uuid.UUID // in which it was made
	Number privacy.Number
	DueAt  time.Time
	Name   privacy.Words // of whom to ask for
	Note   privacy.Words
	MadeAt time.Time // set by the database
}

// OptOut is a wish not to be called again: a suppression, which package
// evidence records and can read whole.
type OptOut struct {
	CallID uuid.UUID
	MadeAt time.Time
}

// Promises are what was promised in one call, in the order of their making.
type Promises struct {
	Callbacks []Callback
	OptOuts   []OptOut
}

// AddCallback records a promise. It returns when the record is safe; once for
// a key, however often it is called.
func (s *Store) AddCallback(ctx context.Context, c Callback) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO callbacks (key, call_id, number, due_at, name, note)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key) DO NOTHING`,
		c.Key, c.CallID, storable(string(c.Number)), c.DueAt, storable(string(c.Name)), storable(string(c.Note)))

	return classify("record a callback", s.where, err)
}

// promisesOf reads those of one call.
func promisesOf(ctx context.Context, tx pgx.Tx, call uuid.UUID) (p Promises, err error) {
	rows, err := tx.Query(ctx, `SELECT key, call_id, number, due_at, name, note, made_at
		FROM callbacks WHERE call_id = $1 ORDER BY made_at, key`, call)
	if err != nil {
		return Promises{}, err
	}
	if p.Callbacks, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Callback]); err != nil {
		return Promises{}, err
	}
	rows, err = tx.Query(ctx, `SELECT call_id, made_at FROM suppressions WHERE call_id = $1 ORDER BY made_at, id`, call)
	if err != nil {
		return Promises{}, err
	}
	p.OptOuts, err = pgx.CollectRows(rows, pgx.RowToStructByPos[OptOut])

	return p, err
}
