package evidence

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

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
	keys := make([]int64, len(callees))
	for i, c := range callees {
		keys[i] = calleeLock(tenant, c)
	}
	slices.Sort(keys)
	b.Queue(`SELECT pg_advisory_xact_lock(k) FROM unnest($1::bigint[]) WITH ORDINALITY AS u (k, n) ORDER BY n`, slices.Compact(keys))
}

// Decide gathers the facts of a case, has decide judge them, and records the
// decision, and with one that allows the attempt. All of it is one
// transaction under a lock of the called party: of two attempts at once the
// second sees the first. What it returns without an error is safe on disk.
func (l *Ledger) Decide(ctx context.Context, c Case, decide func(*compliance.Facts) compliance.Decision) (Ruling, error) {
	return l.rule(ctx, c, decide, true)
}

// Judge records a decision, and no attempt whatever it says.
func (l *Ledger) Judge(ctx context.Context, c Case, decide func(*compliance.Facts) compliance.Decision) (Ruling, error) {
	return l.rule(ctx, c, decide, false)
}

func (l *Ledger) rule(ctx context.Context, c Case, decide func(*compliance.Facts) compliance.Decision, dial bool) (Ruling, error) {
	var r Ruling
	err := l.inTransaction(ctx, func(conn *pgxpool.Conn) error {
		f := c.Facts
		if err := l.gather(ctx, conn, &c, &f); err != nil {
			return err
		}
		r = Ruling{ID: uuid.Must(uuid.NewV7()), Decision: decide(&f)}
		if r.Decision.Allow && dial {
			r.Attempt = uuid.Must(uuid.NewV7())
		}

		return l.record(ctx, conn, &c, &f, &r)
	})
	if err != nil {
		return Ruling{}, l.store.Explain("decide about a call", late(err))
	}

	return r, nil
}

// Consider is Decide without a record, for a dry run.
func (l *Ledger) Consider(ctx context.Context, c Case, decide func(*compliance.Facts) compliance.Decision) (compliance.Decision, error) {
	var d compliance.Decision
	err := l.inTransaction(ctx, func(conn *pgxpool.Conn) error {
		f := c.Facts
		if err := l.gather(ctx, conn, &c, &f); err != nil {
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

// inTransaction runs do on one connection. do begins the transaction with its
// first batch and commits it with its last, which saves two round trips; when
// it fails, or leaves the transaction open, that is rolled back.
func (l *Ledger) inTransaction(ctx context.Context, do func(*pgxpool.Conn) error) error {
	conn, err := l.store.Pool().Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	err = do(conn)
	if err != nil && conn.Conn().PgConn().TxStatus() != 'I' && !conn.Conn().IsClosed() {
		_, rolled := conn.Exec(ctx, `ROLLBACK`) // a connection that fails is not used again: Release sees its state
		err = errors.Join(err, rolled)
	}

	return err
}

// record writes the ruling and commits.
func (l *Ledger) record(ctx context.Context, conn *pgxpool.Conn, c *Case, f *compliance.Facts, r *Ruling) error {
	callee := l.keys.Callee(c.Attempt.To)
	decision, err := l.decisionEntry(c, f, r, callee)
	if err != nil {
		return err
	}
	entries := []entry{decision}
	if r.Attempt != uuid.Nil {
		attempt, err := attemptEntry(c, r, callee)
		if err != nil {
			return err
		}
		entries = append(entries, attempt)
	}
	var b pgx.Batch
	queue(&b, entries...)
	b.Queue(`COMMIT`)

	return conn.SendBatch(ctx, &b).Close()
}

// decisionEntry seals what was decided about, so that it can be decided again
// later: the decision itself names no number.
func (l *Ledger) decisionEntry(c *Case, f *compliance.Facts, r *Ruling, callee Callee) (entry, error) {
	basis, err := json.Marshal(struct {
		Attempt *compliance.Attempt `json:"attempt"`
		Facts   *compliance.Facts   `json:"facts"`
	}{&c.Attempt, f})
	if err != nil {
		return entry{}, fmt.Errorf("encode the facts of a decision: %w", err)
	}
	d := &r.Decision

	return newEntry(c.Attempt.Tenant, KindDecision, r.ID, d.At, struct {
		Callee   Callee               `json:"callee"`
		Call     uuid.UUID            `json:"call"`
		Seller   string               `json:"seller"`
		Campaign string               `json:"campaign"`
		Decision *compliance.Decision `json:"decision"`
		Basis    []byte               `json:"basis"` // attempt and facts, sealed
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
