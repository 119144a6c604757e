package evidence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	Turns      int64 `json:"turns"`
	Events     int64 `json:"events"`
	Numbers    int64 `json:"numbers"` // calls whose numbers are taken out
	Callbacks  int64 `json:"callbacks"`
	Recordings int64 `json:"recordings"` // whose files are to be erased from now on
	Held       int64 `json:"held"`       // calls that a legal hold keeps
	// Nodes have the files of the recordings.
	Nodes []string `json:"nodes,omitempty"`
}

func (r *Removal) add(more *Removal) {
	r.Turns += more.Turns
	r.Events += more.Events
	r.Numbers += more.Numbers
	r.Callbacks += more.Callbacks
	r.Recordings += more.Recordings
	r.Held += more.Held
	r.Nodes = append(r.Nodes, more.Nodes...)
	slices.Sort(r.Nodes)
	r.Nodes = slices.Compact(r.Nodes)
}

// Removing is how something is removed.
type Removing struct {
	Dry bool // only count
	// Purge is told of the nodes that have files to erase, in the transaction
	// that says so; it may be called again.
	Purge func(ctx context.Context, tx pgx.Tx, nodes []string) error
	// Told is called after each portion with what was removed so far; nil: nobody.
	Told func(Removal)
}

// RecordingFile is a recording by its call and its name in the recordings
// directory.
type RecordingFile struct {
	Call uuid.UUID
	File string
}

// errDryRun rolls back what was only counted.
var errDryRun = errors.New("a dry run")

// portion is how many calls are looked at in one transaction.
const portion = 500

// Expire removes what is older than limits allow, but for what a legal hold
// keeps, in portions: each is a transaction, and what an error leaves is found
// again. The files of recordings are each node's to erase, by DueRecordings.
func (l *Ledger) Expire(ctx context.Context, tenant string, limits Limits, now time.Time, how Removing) (Removal, error) {
	var all Removal
	before := func(keep time.Duration) *time.Time {
		if keep == 0 {
			return nil
		}

		return new(instant(now.Add(-keep)))
	}
	shortest := limits.shortest()
	if shortest == 0 {
		return all, nil
	}
	var last endedCall
	for more := true; more; {
		var part Removal
		after := last
		err := l.removing(ctx, how, &part, func(tx pgx.Tx) error {
			calls, err := endedCalls(ctx, tx, after, instant(now.Add(-shortest)))
			if err != nil {
				return err
			}
			if more = len(calls) == portion; len(calls) > 0 {
				last = calls[len(calls)-1]
			}

			return l.remove(ctx, tx, tenant, calls, &part, before(limits.Transcripts), before(limits.Calls), before(limits.Recordings))
		})
		if err != nil {
			return all, err
		}
		all.add(&part)
		if how.Told != nil {
			how.Told(all)
		}
	}

	return all, nil
}

// shortest is the shortest of the limits that are set; 0: none is.
func (l *Limits) shortest() time.Duration {
	var least time.Duration
	for _, d := range []time.Duration{l.Recordings, l.Transcripts, l.Calls} {
		if d != 0 && (least == 0 || d < least) {
			least = d
		}
	}

	return least
}

// Erase removes what is kept of calls with a number, at a person's request:
// words, numbers, callbacks and recordings, but for what a legal hold keeps.
// Consents, suppressions and decisions stay as evidence, hashed and sealed.
// The erasure is an entry of the ledger.
func (l *Ledger) Erase(ctx context.Context, tenant string, number privacy.Number, how Removing) (Removal, error) {
	var r Removal
	err := l.removing(ctx, how, &r, func(tx pgx.Tx) error {
		calls, err := callsWith(ctx, tx, number)
		if err != nil {
			return err
		}
		const ever = "infinity"
		if err := l.remove(ctx, tx, tenant, calls, &r, ever, ever, ever); err != nil {
			return err
		}
		id, callee := uuid.Must(uuid.NewV7()), l.keys.Callee(number)
		e, err := newEntry(tenant, KindErasure, id, time.Now(), struct {
			Callee     Callee `json:"callee"`
			Turns      int64  `json:"turns"`
			Events     int64  `json:"events"`
			Numbers    int64  `json:"numbers"`
			Callbacks  int64  `json:"callbacks"`
			Recordings int64  `json:"recordings"`
		}{callee, r.Turns, r.Events, r.Numbers, r.Callbacks, r.Recordings}, nil)
		if err != nil {
			return err
		}
		var b pgx.Batch
		queue(&b, e)

		return tx.SendBatch(ctx, &b).Close()
	})

	return r, err
}

// removing runs do in a transaction, which a dry run rolls back.
func (l *Ledger) removing(ctx context.Context, how Removing, part *Removal, do func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, l.store.Pool(), func(tx pgx.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		if how.Dry {
			return errDryRun
		}
		if how.Purge != nil && len(part.Nodes) > 0 {
			return how.Purge(ctx, tx, part.Nodes)
		}

		return nil
	})
	if errors.Is(err, errDryRun) {
		return nil
	}

	return l.store.Explain("remove what is not to be kept", err)
}

// endedCall is a call that may have something to remove.
type endedCall struct {
	ID       uuid.UUID
	EndedAt  time.Time
	From, To string
}

// endedCalls are the next ones that ended before an instant.
func endedCalls(ctx context.Context, tx pgx.Tx, after endedCall, before time.Time) ([]endedCall, error) {
	rows, err := tx.Query(ctx, `SELECT id, ended_at, from_number, to_number FROM calls
		WHERE (ended_at, id) > ($1, $2) AND ended_at < $3 ORDER BY ended_at, id LIMIT $4`, after.EndedAt, after.ID, before, portion)
	if err != nil {
		return nil, err
	}

	return pgx.CollectRows(rows, pgx.RowToStructByPos[endedCall])
}

// digitsOf compares numbers however the carrier wrote them.
const digitsOf = `regexp_replace(split_part(%s, '@', 1), '[^0-9]', '', 'g')`

// callsWith finds the calls with a number at either end.
func callsWith(ctx context.Context, tx pgx.Tx, number privacy.Number) ([]endedCall, error) {
	where := fmt.Sprintf(`ltrim($1, '+') IN (`+digitsOf+`, '1' || `+digitsOf+`, `+digitsOf+`, '1' || `+digitsOf+`)`,
		"from_number", "from_number", "to_number", "to_number")
	rows, err := tx.Query(ctx, `SELECT id, ended_at, from_number, to_number FROM calls WHERE ended_at IS NOT NULL AND `+where, string(number))
	if err != nil {
		return nil, err
	}

	return pgx.CollectRows(rows, pgx.RowToStructByPos[endedCall])
}

// digits is digitsOf.
func digits(number string) string {
	number, _, _ = strings.Cut(number, "@")

	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}

		return r
	}, number)
}

// remove takes what calls have that ended before the limit of its class; a class
// whose limit is null keeps everything.
func (l *Ledger) remove(ctx context.Context, tx pgx.Tx, tenant string, calls []endedCall, r *Removal, transcripts, numbers, recordings any) error {
	held, err := l.holds(ctx, tx, tenant)
	if err != nil {
		return err
	}
	var free []uuid.UUID
	for i := range calls {
		if held.keep(&calls[i]) {
			r.Held++
		} else {
			free = append(free, calls[i].ID)
		}
	}
	const which = `c.ended_at < $1 AND c.id = ANY($2)`
	for _, step := range []struct {
		sql   string
		limit any
		count *int64
	}{
		{`DELETE FROM turns x USING calls c WHERE x.call_id = c.id AND ` + which, transcripts, &r.Turns},
		{`DELETE FROM events x USING calls c WHERE x.call_id = c.id AND ` + which, transcripts, &r.Events},
		{`DELETE FROM callbacks x USING calls c WHERE x.call_id = c.id AND ` + which, numbers, &r.Callbacks},
		{`UPDATE calls c SET from_number = '', to_number = '' WHERE (c.from_number <> '' OR c.to_number <> '') AND ` + which, numbers, &r.Numbers},
	} {
		tag, err := tx.Exec(ctx, step.sql, step.limit, free)
		if err != nil {
			return err
		}
		*step.count = tag.RowsAffected()
	}
	rows, err := tx.Query(ctx, `UPDATE recordings x SET erase_from = coalesce(x.erase_from, now()) FROM calls c
		WHERE x.call_id = c.id AND x.deleted_at IS NULL AND `+which+` RETURNING c.node`, recordings, free)
	if err != nil {
		return err
	}
	nodes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	r.add(&Removal{Recordings: int64(len(nodes)), Nodes: nodes})

	return err
}

// DueRecordings are those of a node whose files are to be erased and which no
// legal hold keeps, from the one after a call on; and the last call that was
// looked at, which is zero at the end.
func (l *Ledger) DueRecordings(ctx context.Context, tenant, node string, after uuid.UUID) (due []RecordingFile, last uuid.UUID, err error) {
	err = pgx.BeginFunc(ctx, l.store.Pool(), func(tx pgx.Tx) error {
		held, err := l.holds(ctx, tx, tenant)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT c.id, c.ended_at, c.from_number, c.to_number, x.file FROM recordings x JOIN calls c ON c.id = x.call_id
			WHERE x.erase_from IS NOT NULL AND x.deleted_at IS NULL AND c.node = $1 AND c.id > $2 ORDER BY c.id LIMIT $3`, node, after, portion)
		if err != nil {
			return err
		}
		type found struct {
			endedCall

			File string
		}
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[found])
		for i := range all {
			if last = all[i].ID; !held.keep(&all[i].endedCall) {
				due = append(due, RecordingFile{all[i].ID, all[i].File})
			}
		}

		return err
	})

	return due, last, l.store.Explain("find recordings to erase", err)
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

// holds are what is kept for courts.
type holds struct {
	calls   map[uuid.UUID]bool
	numbers map[string]bool // digits
}

// keep says whether a call is held, by itself or by a number at either end. A
// number that was taken out of a record is not found: hold before that.
func (h *holds) keep(c *endedCall) bool {
	for _, n := range []string{digits(c.From), digits(c.To)} {
		if n != "" && (h.numbers[n] || h.numbers["1"+n]) {
			return true
		}
	}

	return h.calls[c.ID]
}

// holds finds those in force. Numbers of calls stand in their records plainly; a
// hold has its own sealed in the ledger.
func (l *Ledger) holds(ctx context.Context, tx pgx.Tx, tenant string) (*holds, error) {
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
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[hold])
	if err != nil {
		return nil, err
	}
	out := &holds{calls: map[uuid.UUID]bool{}, numbers: map[string]bool{}}
	for _, h := range all {
		if h.Call.Valid {
			out.calls[h.Call.UUID] = true

			continue
		}
		number, err := l.keys.openText(h.Sealed, h.ID)
		if err != nil {
			return nil, err
		}
		out.numbers[digits(number)] = true
	}

	return out, nil
}

// EachRecord gives all that is kept of a number's owner to take, by kind:
// calls with their words, callbacks, consents and suppressions.
func (l *Ledger) EachRecord(ctx context.Context, tenant string, number privacy.Number, take func(kind string, v any) error) error {
	var calls []endedCall
	err := pgx.BeginFunc(ctx, l.store.Pool(), func(tx pgx.Tx) (err error) {
		calls, err = callsWith(ctx, tx, number)

		return err
	})
	if err != nil {
		return l.store.Explain("find a number's calls", err)
	}
	for i := range calls {
		h, err := l.store.Call(ctx, calls[i].ID)
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
