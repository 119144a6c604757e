package evidence

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"trunkline/compliance"
)

// ErrOverruled says that an attempt was admitted by what holds no longer: its
// decision expired, another attempt stands in its place, or the person has
// revoked a consent or asked not to be called since.
var ErrOverruled = errors.New("what the attempt was admitted by holds no longer")

const (
	// departing bounds the calls that leave at the same instant.
	departing = 4
	// releaseTimeout bounds the end of a departure.
	releaseTimeout = time.Second
)

// selectStanding asks whether an attempt may still be dialed. $1 is the tenant,
// $2 the callee and $3 the attempt. What came after the decision is what stands
// behind it in the chain, whatever clocks say.
const selectStanding = `SELECT d.valid_until >= clock_timestamp() AND NOT EXISTS (SELECT FROM attempts n WHERE n.replaces = a.id)
		AND NOT EXISTS (SELECT FROM consents c JOIN consent_revocations r ON r.consent_id = c.id JOIN ledger behind ON behind.id = r.id
			WHERE c.tenant = $1 AND c.callee = $2 AND behind.seq > own.seq)
	FROM attempts a JOIN decisions d ON d.id = a.decision_id JOIN ledger own ON own.id = d.id
	WHERE a.id = $3 AND a.tenant = $1 AND a.callee = $2`

// selectStops asks for the suppressions of a callee that no opt-in has lifted.
const selectStops = `SELECT s.id, s.scope, s.seller, s.campaign, s.cause, s.made_at FROM suppressions s
	WHERE s.tenant = $1 AND s.callee = $2 AND NOT EXISTS (SELECT FROM suppression_lifts l WHERE l.suppression_id = s.id)`

// Depart looks once more, at the instant in which the call of an admitted
// attempt leaves, whether it may. From its return until left is called no
// revocation of the called party's commits, on any node: one that does is later
// than the call. left must be called as soon as the call has left; it may be
// called again.
//
// The error is ErrOverruled when the attempt must be decided about anew. Nothing
// is written.
func (l *Ledger) Depart(ctx context.Context, attempt uuid.UUID, a *compliance.Attempt) (left func(), err error) {
	const op = "look once more before a call leaves"
	conn, err := l.departures.Acquire(ctx)
	if err != nil {
		return nil, l.store.Explain(op, err)
	}
	release := sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
		defer cancel()
		_, _ = conn.Exec(ctx, `ROLLBACK`) // Release closes a connection on which that failed
		conn.Release()
	})
	if err := l.standing(ctx, conn.Conn(), attempt, a); err != nil {
		release()

		return nil, l.store.Explain(op, err)
	}

	return release, nil
}

// standing begins the transaction of a departure, and returns nil when the
// attempt may be dialed.
func (l *Ledger) standing(ctx context.Context, conn *pgx.Conn, attempt uuid.UUID, a *compliance.Attempt) error {
	callee := l.keys.Callee(a.To)
	var holds, stopped bool
	var b pgx.Batch
	b.Queue(`BEGIN`)
	b.Queue(`SELECT pg_advisory_xact_lock_shared($1)`, calleeLock(a.Tenant, callee))
	b.Queue(selectStanding, a.Tenant, callee[:], attempt).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&holds)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}

		return err
	})
	b.Queue(selectStops, a.Tenant, callee[:]).Query(func(rows pgx.Rows) error {
		all, err := pgx.CollectRows(rows, scanStop)
		for i := range all {
			stopped = stopped || a.StoppedBy(&all[i])
		}

		return err
	})
	if err := conn.SendBatch(ctx, &b).Close(); err != nil {
		return err
	}
	if !holds || stopped {
		return ErrOverruled
	}

	return nil
}

func scanStop(row pgx.CollectableRow) (compliance.Suppression, error) {
	var s compliance.Suppression
	var id uuid.UUID
	err := row.Scan(&id, &s.Scope, &s.Seller, &s.Campaign, &s.Cause, &s.At)
	s.ID = id.String()

	return s, err
}

// suppressed is the channel on which PostgreSQL tells of suppressions that were
// committed: tenant, space and callee in hexadecimal.
const suppressed = "trunkline_suppressed"

// tell queues the word of a suppression. It goes out with the commit.
func (s *Suppression) tell(b *pgx.Batch) {
	b.Queue(`SELECT pg_notify($1, $2)`, suppressed, s.Tenant+" "+hex.EncodeToString(s.Callee[:]))
}

// Listen tells of suppressions that any node commits, from the moment at which
// it calls ready on, until ctx ends or the connection breaks. What came before,
// and between two times of listening, is to be looked up: Stops does.
func (l *Ledger) Listen(ctx context.Context, tenant string, ready func(), tell func(Callee)) error {
	const op = "listen for suppressions"
	conn, err := l.store.Pool().Acquire(ctx)
	if err != nil {
		return l.store.Explain(op, err)
	}
	own := conn.Hijack() // it listens as long as it lives
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
		defer cancel()
		_ = own.Close(ctx)
	}()
	if _, err := own.Exec(ctx, `LISTEN `+suppressed); err != nil {
		return l.store.Explain(op, err)
	}
	ready()
	for {
		n, err := own.WaitForNotification(ctx)
		if err != nil {
			return l.store.Explain(op, err)
		}
		of, key, _ := strings.Cut(n.Payload, " ")
		var callee Callee
		if raw, err := hex.DecodeString(key); err == nil && len(raw) == len(callee) && of == tenant {
			copy(callee[:], raw)
			tell(callee)
		}
	}
}

// Stops are the standing suppressions of a callee.
func (l *Ledger) Stops(ctx context.Context, tenant string, of Callee) ([]compliance.Suppression, error) {
	rows, err := l.store.Pool().Query(ctx, selectStops, tenant, of[:])
	if err != nil {
		return nil, l.store.Explain("read suppressions", err)
	}
	all, err := pgx.CollectRows(rows, scanStop)
	if err != nil {
		err = fmt.Errorf("read suppressions: %w", err)
	}

	return all, l.store.Explain("read suppressions", err)
}
