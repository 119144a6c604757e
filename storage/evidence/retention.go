package evidence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"trunkline/compliance"
	"trunkline/privacy"
)

// Limits are how long what is no evidence is kept, by class; 0: for ever.
// Evidence itself (the ledger and its tables) is never removed by trunkline.
type Limits struct {
	Recordings  time.Duration // the files
	Transcripts time.Duration // turns and events
	Calls       time.Duration // numbers in the records of calls, and promised callbacks
}

// Removal is what is removed, or would be.
type Removal struct {
	Turns, Events, Numbers, Callbacks int64
	// Recordings are the files that are to be erased, whose rows say so since.
	Recordings []RecordingFile
	Held       int64 // calls that a legal hold keeps
}

// RecordingFile is a recording by its call and its name in the recordings
// directory.
type RecordingFile struct {
	Call uuid.UUID
	File string
}

// errDryRun rolls back what was only counted.
var errDryRun = errors.New("a dry run")

// Expire removes what is older than limits allow, but for what a legal hold
// keeps; with dry it only counts. The files of Removal.Recordings are the
// caller's to erase, and to tell with Erased.
func (l *Ledger) Expire(ctx context.Context, tenant string, limits Limits, now time.Time, dry bool) (Removal, error) {
	var r Removal
	err := l.removing(ctx, dry, func(tx pgx.Tx) error {
		held, err := l.heldCalls(ctx, tx, tenant)
		if err != nil {
			return err
		}
		r.Held = int64(len(held))
		before := func(keep time.Duration) *time.Time {
			if keep == 0 {
				return nil
			}

			return new(instant(now.Add(-keep)))
		}

		return r.remove(ctx, tx, `c.ended_at < $1 AND NOT c.id = ANY($2)`, held,
			before(limits.Transcripts), before(limits.Calls), before(limits.Recordings))
	})

	return r, err
}

// Erase removes what is kept of calls with a number, at a person's request:
// words, numbers, callbacks and recordings, but for what a legal hold keeps.
// Consents, suppressions and decisions stay as evidence, hashed and sealed.
// The erasure is an entry of the ledger.
func (l *Ledger) Erase(ctx context.Context, tenant string, number privacy.Number, dry bool) (Removal, error) {
	var r Removal
	err := l.removing(ctx, dry, func(tx pgx.Tx) error {
		held, err := l.heldCalls(ctx, tx, tenant)
		if err != nil {
			return err
		}
		r.Held = int64(len(held))
		of, err := callsWith(ctx, tx, number)
		if err != nil {
			return err
		}
		if err := r.remove(ctx, tx, `c.id = ANY($1) AND NOT c.id = ANY($2)`, held, of, of, of); err != nil {
			return err
		}
		id, callee := uuid.Must(uuid.NewV7()), l.keys.Callee(number)
		e, err := newEntry(tenant, KindErasure, id, time.Now(), struct {
			Callee     Callee `json:"callee"`
			Turns      int64  `json:"turns"`
			Events     int64  `json:"events"`
			Numbers    int64  `json:"numbers"`
			Callbacks  int64  `json:"callbacks"`
			Recordings int    `json:"recordings"`
		}{callee, r.Turns, r.Events, r.Numbers, r.Callbacks, len(r.Recordings)}, nil)
		if err != nil {
			return err
		}
		var b pgx.Batch
		queue(&b, e)

		return tx.SendBatch(ctx, &b).Close()
	})

	return r, err
}

// removing runs do in a transaction, which a dry run rolls back. One node at a
// time removes.
func (l *Ledger) removing(ctx context.Context, dry bool, do func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, l.store.Pool(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(20548, 0)`); err != nil {
			return err
		}
		if err := do(tx); err != nil {
			return err
		}
		if dry {
			return errDryRun
		}

		return nil
	})
	if errors.Is(err, errDryRun) {
		return nil
	}

	return l.store.Explain("remove what is not to be kept", err)
}

// digitsOf compares numbers however the carrier wrote them.
const digitsOf = `regexp_replace(split_part(%s, '@', 1), '[^0-9]', '', 'g')`

// callsWith finds the calls with a number at either end.
func callsWith(ctx context.Context, tx pgx.Tx, number privacy.Number) ([]uuid.UUID, error) {
	where := fmt.Sprintf(`ltrim($1, '+') IN (`+digitsOf+`, '1' || `+digitsOf+`, `+digitsOf+`, '1' || `+digitsOf+`)`,
		"from_number", "from_number", "to_number", "to_number")
	rows, err := tx.Query(ctx, `SELECT id FROM calls WHERE ended_at IS NOT NULL AND `+where, string(number))
	if err != nil {
		return nil, err
	}

	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

// remove takes what matches which, with $1 the limit of the class and $2 the
// calls that are held. A class whose limit is null keeps everything.
func (r *Removal) remove(ctx context.Context, tx pgx.Tx, which string, held []uuid.UUID, transcripts, calls, recordings any) error {
	for _, step := range []struct {
		sql   string
		limit any
		count *int64
	}{
		{`DELETE FROM turns x USING calls c WHERE x.call_id = c.id AND ` + which, transcripts, &r.Turns},
		{`DELETE FROM events x USING calls c WHERE x.call_id = c.id AND ` + which, transcripts, &r.Events},
		{`DELETE FROM callbacks x USING calls c WHERE x.call_id = c.id AND ` + which, calls, &r.Callbacks},
		{`UPDATE calls c SET from_number = '', to_number = '' WHERE (c.from_number <> '' OR c.to_number <> '') AND ` + which, calls, &r.Numbers},
	} {
		tag, err := tx.Exec(ctx, step.sql, step.limit, held)
		if err != nil {
			return err
		}
		*step.count = tag.RowsAffected()
	}
	rows, err := tx.Query(ctx, `SELECT c.id, x.file FROM recordings x JOIN calls c ON x.call_id = c.id
		WHERE x.deleted_at IS NULL AND `+which, recordings, held)
	if err != nil {
		return err
	}
	r.Recordings, err = pgx.CollectRows(rows, pgx.RowToStructByPos[RecordingFile])

	return err
}

// Erased says that a recording's file is gone.
func (l *Ledger) Erased(ctx context.Context, call uuid.UUID) error {
	_, err := l.store.Pool().Exec(ctx, `UPDATE recordings SET deleted_at = now() WHERE call_id = $1 AND deleted_at IS NULL`, call)

	return l.store.Explain("note that a recording is erased", err)
}

// Hold keeps a call, or for a zero one all calls with a number, whatever the
// limits and requests, until it is released.
func (l *Ledger) Hold(ctx context.Context, tenant string, call uuid.UUID, number privacy.Number, matter string) (uuid.UUID, error) {
	id, now := uuid.Must(uuid.NewV7()), time.Now()
	var callee []byte
	if call == uuid.Nil {
		c := l.keys.Callee(number)
		callee = c[:]
	}
	sealed := l.keys.Seal([]byte(number), id)
	e, err := newEntry(tenant, KindHold, id, now, struct {
		Call   *uuid.UUID `json:"call,omitempty"`
		Callee []byte     `json:"callee,omitempty"`
		Sealed []byte     `json:"sealed"` // the number
		Matter string     `json:"matter"`
	}{idOrNull(call), callee, sealed, matter}, func(b *pgx.Batch) {
		b.Queue(`INSERT INTO legal_holds (id, tenant, callee, call_id, matter, made_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			id, tenant, callee, idOrNull(call), matter, instant(now))
	})
	if err != nil {
		return id, err
	}

	return id, l.add(ctx, "hold records", []entry{e})
}

// Release ends a hold.
func (l *Ledger) Release(ctx context.Context, tenant string, hold uuid.UUID) error {
	id, now := uuid.Must(uuid.NewV7()), time.Now()
	e, err := newEntry(tenant, KindRelease, id, now, struct {
		Hold uuid.UUID `json:"hold"`
	}{hold}, func(b *pgx.Batch) {
		b.Queue(`INSERT INTO legal_hold_releases (id, tenant, hold_id, released_at) VALUES ($1, $2, $3, $4)`, id, tenant, hold, instant(now))
	})
	if err != nil {
		return err
	}

	return l.add(ctx, "release records", []entry{e})
}

// heldCalls are the calls that holds keep. Numbers of calls stand in their
// records plainly; a hold has theirs sealed in the ledger.
func (l *Ledger) heldCalls(ctx context.Context, tx pgx.Tx, tenant string) ([]uuid.UUID, error) {
	rows, err := tx.Query(ctx, `SELECT h.id, h.call_id, g.entry::jsonb #>> '{body,sealed}' FROM legal_holds h JOIN ledger g ON g.id = h.id
		WHERE h.tenant = $1 AND NOT EXISTS (SELECT FROM legal_hold_releases r WHERE r.hold_id = h.id)`, tenant)
	if err != nil {
		return nil, err
	}
	type hold struct {
		ID     uuid.UUID
		Call   uuid.NullUUID
		Sealed string
	}
	holds, err := pgx.CollectRows(rows, pgx.RowToStructByPos[hold])
	if err != nil {
		return nil, err
	}
	held := []uuid.UUID{}
	for _, h := range holds {
		if h.Call.Valid {
			held = append(held, h.Call.UUID)

			continue
		}
		number, err := l.keys.openText(h.Sealed, h.ID)
		if err != nil {
			return nil, err
		}
		of, err := callsWith(ctx, tx, privacy.Number(number))
		if err != nil {
			return nil, err
		}
		held = append(held, of...)
	}

	return held, nil
}

// EachRecord gives all that is kept of a number's owner to take, by kind:
// calls with their words, callbacks, consents and suppressions.
func (l *Ledger) EachRecord(ctx context.Context, tenant string, number privacy.Number, take func(kind string, v any) error) error {
	var calls []uuid.UUID
	err := pgx.BeginFunc(ctx, l.store.Pool(), func(tx pgx.Tx) (err error) {
		calls, err = callsWith(ctx, tx, number)

		return err
	})
	if err != nil {
		return l.store.Explain("find a number's calls", err)
	}
	for _, id := range calls {
		h, err := l.store.Call(ctx, id)
		if err != nil {
			return err
		}
		if err := take("call", h); err != nil {
			return err
		}
	}
	if err := l.EachConsent(ctx, tenant, number, func(c Consent) error { return take("consent", c) }); err != nil {
		return err
	}
	standing, err := l.SuppressionsOf(ctx, tenant, number)
	if err != nil {
		return err
	}
	for i := range standing {
		_, words, err := l.keys.Reveal(&standing[i])
		if err != nil {
			return err
		}
		s := standing[i].Fact()
		if err := take("suppression", struct {
			compliance.Suppression
			Words privacy.Words `json:"words"`
		}{s, words}); err != nil {
			return err
		}
	}

	return nil
}
