package evidence

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"trunkline/compliance"
)

// ErrLate says that a decision was too old when its attempt was to be
// recorded: it must be made again.
var ErrLate = errors.New("the decision expired before the attempt was recorded")

// Case is one attempt to decide about.
type Case struct {
	Attempt compliance.Attempt
	Call    uuid.UUID
	// Replaces is the attempt that was admitted for the same call before and
	// never dialed; zero: none.
	Replaces uuid.UUID
	// Since is how far back History must reach.
	Since time.Time
	// Facts holds those that are not in the database; the others are filled in.
	Facts compliance.Facts
}

// Ruling is a decision that is recorded.
type Ruling struct {
	ID       uuid.UUID
	Decision compliance.Decision
	Attempt  uuid.UUID // of the attempt's row; zero when denied
}

// calleeLock is the key of the advisory lock under which decisions about one
// called party are made one after another.
func calleeLock(tenant string, c Callee) int64 {
	sum := sha256.Sum256(append([]byte(tenant+"\x00"), c[:]...))

	return int64(binary.BigEndian.Uint64(sum[:]))
}

// lockCallees takes the locks of several in one order, so that two who do so
// do not wait for each other.
func lockCallees(b *pgx.Batch, tenant string, callees ...Callee) {
	b.Queue(`SELECT pg_advisory_xact_lock(k) FROM unnest($1::bigint[]) WITH ORDINALITY AS u (k, n) ORDER BY n`, calleeLocks(tenant, callees))
}

// tryCallees takes those locks that nobody holds, and puts the others into held.
func tryCallees(b *pgx.Batch, tenant string, held map[int64]bool, callees ...Callee) {
	b.Queue(`SELECT k FROM unnest($1::bigint[]) AS u (k) WHERE NOT pg_try_advisory_xact_lock(k)`, calleeLocks(tenant, callees)).
		Query(func(rows pgx.Rows) error {
			keys, err := pgx.CollectRows(rows, pgx.RowTo[int64])
			for _, k := range keys {
				held[k] = true
			}

			return err
		})
}

// calleeLocks are the keys of the locks of several, in order and each once.
func calleeLocks(tenant string, callees []Callee) []int64 {
	keys := make([]int64, len(callees))
	for i, c := range callees {
		keys[i] = calleeLock(tenant, c)
	}
	slices.Sort(keys)

	return slices.Compact(keys)
}

// Decide gathers the facts of a case, has decide judge them, and records the
// decision, and with one that allows the attempt. All of it is one
// transaction under a lock of the called party: of two attempts at once the
// second sees the first. What it returns without an error is safe on disk.
//
// Cases about others may share the transaction. When the database refuses it,
// it is done again without them, so decide may be asked more than once; it
// runs on another goroutine, and may still do so when ctx has ended.
func (l *Ledger) Decide(ctx context.Context, c Case, decide func(*compliance.Facts) compliance.Decision) (Ruling, error) {
	return l.rule(ctx, c, decide, true)
}

// Judge records a decision, and no attempt whatever it says.
func (l *Ledger) Judge(ctx context.Context, c Case, decide func(*compliance.Facts) compliance.Decision) (Ruling, error) {
	return l.rule(ctx, c, decide, false)
}

func (l *Ledger) rule(ctx context.Context, c Case, decide func(*compliance.Facts) compliance.Decision, dial bool) (Ruling, error) {
	var (
		r      Ruling
		f      compliance.Facts
		callee = l.keys.Callee(c.Attempt.To)
	)
	err := l.commits.do(&write{
		ctx: ctx, tenant: c.Attempt.Tenant, callees: []Callee{callee},
		ask: func(b *pgx.Batch) {
			f = c.Facts
			l.gather(b, &c, &f)
		},
		entries: func() ([]entry, error) {
			r = Ruling{ID: uuid.Must(uuid.NewV7()), Decision: decide(&f)}
			if r.Decision.Allow && dial {
				r.Attempt = uuid.Must(uuid.NewV7())
			}

			return l.rulingEntries(&c, &f, &r, callee)
		},
	})
	if err != nil {
		return Ruling{}, l.store.Explain("decide about a call", late(err))
	}

	return r, nil
}

// Attempted reports whether an attempt of this call was ever admitted.
func (l *Ledger) Attempted(ctx context.Context, call uuid.UUID) (bool, error) {
	var known bool
	err := l.store.Pool().QueryRow(ctx, `SELECT EXISTS (SELECT FROM attempts WHERE call_id = $1)`, call).Scan(&known)

	return known, l.store.Explain("look for an earlier attempt", err)
}

// Consider is Decide without a record, for a dry run.
func (l *Ledger) Consider(ctx context.Context, c Case, decide func(*compliance.Facts) compliance.Decision) (compliance.Decision, error) {
	var d compliance.Decision
	err := inTransaction(ctx, l.store.Pool(), func(conn *pgx.Conn) error {
		f := c.Facts
		var b pgx.Batch
		b.Queue(`BEGIN`)
		lockCallees(&b, c.Attempt.Tenant, l.keys.Callee(c.Attempt.To))
		l.gather(&b, &c, &f)
		if err := conn.SendBatch(ctx, &b).Close(); err != nil {
			return err
		}
		d = decide(&f)

		return errDry
	})
	if errors.Is(err, errDry) {
		err = nil
	}

	return d, l.store.Explain("decide about a call", err)
}

var errDry = errors.New("nothing is to be written")

// rulingEntries are the decision and, when it allows one, the attempt.
func (l *Ledger) rulingEntries(c *Case, f *compliance.Facts, r *Ruling, callee Callee) ([]entry, error) {
	decision, err := l.decisionEntry(c, f, r, callee)
	if err != nil || r.Attempt == uuid.Nil {
		return []entry{decision}, err
	}
	attempt, err := attemptEntry(c, r, callee)

	return []entry{decision, attempt}, err
}

// decisionEntry seals what was decided about, so that it can be decided again
// later: the decision itself names no number. It is JSON in the format of zlib
// (RFC 1950), which is a quarter of it and keeps the row in one page; in rows of
// earlier versions it is the JSON itself, which begins with a brace.
func (l *Ledger) decisionEntry(c *Case, f *compliance.Facts, r *Ruling, callee Callee) (entry, error) {
	basis, err := json.Marshal(struct {
		Attempt *compliance.Attempt `json:"attempt"`
		Facts   *compliance.Facts   `json:"facts"`
	}{&c.Attempt, f})
	if err != nil {
		return entry{}, fmt.Errorf("encode the facts of a decision: %w", err)
	}
	if basis, err = deflate(basis); err != nil {
		return entry{}, fmt.Errorf("encode the facts of a decision: %w", err)
	}
	d := &r.Decision

	return newEntry(c.Attempt.Tenant, KindDecision, r.ID, d.At, struct {
		Callee   Callee               `json:"callee"`
		Call     uuid.UUID            `json:"call"`
		Seller   string               `json:"seller"`
		Campaign string               `json:"campaign"`
		Decision *compliance.Decision `json:"decision"`
		Basis    []byte               `json:"basis"` // attempt and facts, deflated and sealed
	}{callee, c.Call, c.Attempt.Seller, c.Attempt.Campaign, d, l.keys.Seal(basis, r.ID)}, func(b *pgx.Batch) {
		b.Queue(`INSERT INTO decisions (id, tenant, callee, allow, decided_at, valid_until, ruleset) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			r.ID, c.Attempt.Tenant, callee[:], d.Allow, d.At.UTC(), d.ValidUntil().UTC(), d.RulesetVersion)
	})
}

func attemptEntry(c *Case, r *Ruling, callee Callee) (entry, error) {
	a := &c.Attempt

	return newEntry(a.Tenant, KindAttempt, r.Attempt, a.At, struct {
		Callee   Callee             `json:"callee"`
		Decision uuid.UUID          `json:"decision"`
		Call     uuid.UUID          `json:"call"`
		Replaces *uuid.UUID         `json:"replaces,omitempty"`
		Seller   string             `json:"seller"`
		Campaign string             `json:"campaign"`
		Subject  string             `json:"subject,omitempty"`
		Debt     string             `json:"debt,omitempty"`
		Purpose  compliance.Purpose `json:"purpose"`
		From     string             `json:"from"` // our own number
	}{
		callee, r.ID, c.Call, idOrNull(c.Replaces), a.Seller, a.Campaign, a.Subject, a.Debt, r.Decision.Purpose, string(a.From),
	}, func(b *pgx.Batch) {
		b.Queue(`INSERT INTO attempts (id, tenant, callee, decision_id, call_id, seller, campaign, subject, debt, placed_at, replaces)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			r.Attempt, a.Tenant, callee[:], r.ID, c.Call, a.Seller, a.Campaign, a.Subject, a.Debt, instant(a.At), idOrNull(c.Replaces))
	})
}

// deflaters are kept, since each has tables of some hundred kilobytes.
var deflaters = sync.Pool{New: func() any {
	w, _ := zlib.NewWriterLevel(io.Discard, zlib.BestSpeed) // the level is one that there is

	return w
}}

// deflate compresses data in the format of zlib.
func deflate(data []byte) ([]byte, error) {
	var out bytes.Buffer
	w, _ := deflaters.Get().(*zlib.Writer)
	defer deflaters.Put(w)
	w.Reset(&out)
	_, err := w.Write(data)

	if err = errors.Join(err, w.Close()); err != nil {
		return nil, err
	}

	return out.Bytes(), nil
}
