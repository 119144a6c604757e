package storage

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Recording is what became of a call's recording.
type Recording struct {
	CallID uuid.UUID
	File   string        // name in the recordings directory
	KeyID  string        // of the key that wraps the file's own; empty when it is not encrypted
	Length time.Duration // kept to the microsecond
	Paused time.Duration // of Length, hidden by pauses; 0 when a crash forgot it
	Bytes  int64         // of the file as stored
	SHA256 string        // of the file as stored, in hexadecimal

	Cut     bool   // it ends before its call does
	Problem string // why

	UploadedAt    time.Time // zero until a copy has arrived
	UploadedTo    string    // where, without secrets
	UploadTries   int
	UploadProblem string    // of the latest try; empty when it succeeded
	DeletedAt     time.Time // zero while the local file is kept

	Silenced  time.Duration // of Length, erased because it held what may not be kept
	Destroyed string        // why all of it was; empty: it was not
}

const upsertRecording = `INSERT INTO recordings (call_id, file, key_id, length_ms, paused_ms, bytes, sha256, cut, problem,
		uploaded_at, uploaded_to, upload_tries, upload_problem, deleted_at, silenced_ms, destroyed)
	SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16 WHERE EXISTS (SELECT FROM calls WHERE id = $1)
	ON CONFLICT (call_id) DO UPDATE SET
		file = excluded.file, key_id = excluded.key_id, length_ms = excluded.length_ms, paused_ms = excluded.paused_ms,
		bytes = excluded.bytes, sha256 = excluded.sha256, cut = excluded.cut, problem = excluded.problem,
		uploaded_at = excluded.uploaded_at, uploaded_to = excluded.uploaded_to, upload_tries = excluded.upload_tries,
		upload_problem = excluded.upload_problem, deleted_at = excluded.deleted_at,
		silenced_ms = excluded.silenced_ms, destroyed = excluded.destroyed`

// SaveRecording writes r, in place of what was written of it before. It waits
// for the database, and returns ErrNotFound while the call has no record.
func (s *Store) SaveRecording(ctx context.Context, r Recording) error {
	op := "save the recording of call " + r.CallID.String()
	tag, err := s.pool.Exec(ctx, upsertRecording, r.CallID, storable(r.File), r.KeyID,
		Milliseconds(r.Length), Milliseconds(r.Paused), r.Bytes, r.SHA256, r.Cut, storable(r.Problem),
		timeOrNull(r.UploadedAt), storable(r.UploadedTo), r.UploadTries, storable(r.UploadProblem), timeOrNull(r.DeletedAt),
		Milliseconds(r.Silenced), storable(r.Destroyed))
	if err == nil && tag.RowsAffected() == 0 {
		err = pgx.ErrNoRows
	}
	return classify(op, s.where, err)
}

// recordingOf reads what became of a call's recording, nil when nothing is
// known.
func recordingOf(ctx context.Context, tx pgx.Tx, call uuid.UUID) (*Recording, error) {
	rows, err := tx.Query(ctx, `SELECT call_id, file, key_id, length_ms, paused_ms, bytes, sha256, cut, problem,
		uploaded_at, uploaded_to, upload_tries, upload_problem, deleted_at, silenced_ms, destroyed FROM recordings WHERE call_id = $1`, call)
	if err != nil {
		return nil, err
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRecording)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return &r, err
}

func scanRecording(row pgx.CollectableRow) (Recording, error) {
	var (
		r                        Recording
		length, paused, silenced float64
		uploaded, deleted        *time.Time
	)
	err := row.Scan(&r.CallID, &r.File, &r.KeyID, &length, &paused, &r.Bytes, &r.SHA256, &r.Cut, &r.Problem,
		&uploaded, &r.UploadedTo, &r.UploadTries, &r.UploadProblem, &deleted, &silenced, &r.Destroyed)
	r.Length, r.Paused, r.Silenced = fromMilliseconds(length), fromMilliseconds(paused), fromMilliseconds(silenced)
	r.UploadedAt, r.DeletedAt = zeroOrUTC(uploaded), zeroOrUTC(deleted)
	return r, err
}
