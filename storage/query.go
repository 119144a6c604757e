package storage

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"trunkline/privacy"
)

// Limits of Filter.Limit.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// Filter selects calls. The zero Filter selects the latest of all.
type Filter struct {
	State  State     // empty: any
	Since  time.Time // started then or later; zero: any
	Limit  int       // at most this many; 0: DefaultLimit; never more than MaxLimit
	Cursor string    // Page.Next of the page before; empty: the first page
}

// Page is a part of the list of calls, latest first.
type Page struct {
	Calls []Call
	Next  string // Cursor of the page after this one; empty on the last
}

const callColumns = `id, direction, door, trunk, from_number, to_number, agent, state,
	started_at, answered_at, ended_at, end_reason, fault, recording, door_call_id, media, costs,
	decision_id, attempt_id, purpose, campaign, answered_by, greeted_at, opened_at, attestation`

const selectCalls = `SELECT ` + callColumns + ` FROM calls
	WHERE ($1 = '' OR state = $1)
	AND ($2::timestamptz IS NULL OR started_at >= $2)
	AND ($3::timestamptz IS NULL OR (started_at, id) < ($3, $4::uuid))
	ORDER BY started_at DESC, id DESC LIMIT $5`

// Calls lists calls, latest first. It returns ErrCursor for a cursor that no
// Page gave.
func (s *Store) Calls(ctx context.Context, f Filter) (Page, error) {
	after, id, err := parseCursor(f.Cursor)
	if err != nil {
		return Page{}, fmt.Errorf("list calls: %w", err)
	}
	limit := f.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	limit = min(limit, MaxLimit)
	// One row more than asked for tells whether there is a next page.
	rows, err := s.pool.Query(ctx, selectCalls, string(f.State), timeOrNull(f.Since), timeOrNull(after), id, limit+1)
	if err != nil {
		return Page{}, classify("list calls", s.where, err)
	}
	calls, err := pgx.CollectRows(rows, scanCall)
	if err != nil {
		return Page{}, classify("list calls", s.where, err)
	}
	page := Page{Calls: calls}
	if len(calls) > limit {
		page.Calls = calls[:limit]
		page.Next = cursorAfter(calls[limit-1])
	}
	return page, nil
}

// OtherNode finds the node, other than one, that a door's call was answered at, or
// that it came to after a time, by the door's own name of it; "" when there is
// none. A carrier that asks again gives a call to a second node.
func (s *Store) OtherNode(ctx context.Context, d Door, call, node string, after time.Time) (string, error) {
	rows, err := s.pool.Query(ctx, `SELECT node FROM calls WHERE door_call_id = $1 AND door = $2 AND node <> $3
		AND (answered_at IS NOT NULL OR started_at > $4) ORDER BY started_at DESC LIMIT 1`, call, string(d), node, after)
	if err != nil {
		return "", classify("find a call at another node", s.where, err)
	}
	nodes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(nodes) == 0 {
		return "", classify("find a call at another node", s.where, err)
	}

	return nodes[0], nil
}

// Call returns everything recorded of one call, as of one instant, or
// ErrNotFound.
func (s *Store) Call(ctx context.Context, id uuid.UUID) (History, error) {
	var h History
	op := "read call " + id.String()
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, snapshot, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT `+callColumns+` FROM calls WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if h.Call, err = pgx.CollectExactlyOneRow(rows, scanCall); err != nil {
			return err
		}
		rows, err = tx.Query(ctx, `SELECT call_id, number, role, said, heard, interrupted, started_at, ended_at, latency, total_ms
			FROM turns WHERE call_id = $1 ORDER BY number`, id)
		if err != nil {
			return err
		}
		if h.Turns, err = pgx.CollectRows(rows, scanTurn); err != nil {
			return err
		}
		rows, err = tx.Query(ctx, `SELECT call_id, seq, at_ns, kind, data FROM events WHERE call_id = $1 ORDER BY seq`, id)
		if err != nil {
			return err
		}
		if h.Events, err = pgx.CollectRows(rows, scanEvent); err != nil {
			return err
		}
		if h.Recording, err = recordingOf(ctx, tx, id); err != nil {
			return err
		}
		h.Promises, err = promisesOf(ctx, tx, id)
		return err
	})
	if err != nil {
		return History{}, classify(op, s.where, err)
	}
	return h, nil
}

// CloseOrphans ends the calls that earlier runs of owner's node left open
// when their process died, with the given reason and fault, and returns them
// as they now stand. The end is the last moment that anything was recorded of
// the call. Calls of other nodes, of this run, and of any run whose Journal is
// connected, stay as they are.
func (s *Store) CloseOrphans(ctx context.Context, owner Owner, reason string, fault Fault) ([]Call, error) {
	var all []Call
	for began := time.Now(); ; {
		closed, alive, err := s.closeOrphans(ctx, owner, reason, fault)
		if err != nil {
			return all, classify("close orphaned calls", s.where, err)
		}
		all = append(all, closed...)
		if alive == 0 || time.Since(began) > leaseGoes {
			return all, nil
		}
		select {
		case <-time.After(leaseGoes / 20):
		case <-ctx.Done():
			return all, fmt.Errorf("close orphaned calls: %w", context.Cause(ctx))
		}
	}
}

// leaseGoes is how long the server may take to notice that a process of its
// own machine was killed, which is a matter of milliseconds.
const leaseGoes = time.Second

// closeOrphans also tells how many open calls of the node's other runs remain.
func (s *Store) closeOrphans(ctx context.Context, owner Owner, reason string, fault Fault) (closed []Call, alive int, err error) {
	rows, err := s.pool.Query(ctx, `UPDATE calls SET state = 'ended', end_reason = $3, fault = $4,
		ended_at = greatest(started_at, answered_at,
			(SELECT max(greatest(t.started_at, t.ended_at)) FROM turns t WHERE t.call_id = calls.id),
			(SELECT calls.started_at + max(e.at_ns) / 1000 * interval '1 microsecond' FROM events e WHERE e.call_id = calls.id))
		WHERE node = $1 AND boot <> $2 AND state <> 'ended' AND NOT `+bootIsAlive+`
		RETURNING `+callColumns, owner.Node, owner.Boot, reason, string(fault))
	if err != nil {
		return nil, 0, err
	}
	if closed, err = pgx.CollectRows(rows, scanCall); err != nil {
		return nil, 0, err
	}
	err = s.pool.QueryRow(ctx, `SELECT count(*) FROM calls WHERE node = $1 AND boot <> $2 AND state <> 'ended'`,
		owner.Node, owner.Boot).Scan(&alive)
	return closed, alive, err
}

func scanCall(r pgx.CollectableRow) (Call, error) {
	var (
		c               Call
		from, to        string
		answered, ended *time.Time
		greeted, opened *time.Time

		decision, attempt uuid.NullUUID
	)
	err := r.Scan(&c.ID, &c.Direction, &c.Door, &c.Trunk, &from, &to, &c.Agent, &c.State, &c.StartedAt,
		&answered, &ended, &c.EndReason, &c.Fault, &c.Recording, &c.DoorCallID, &c.Media, &c.Costs,
		&decision, &attempt, &c.Purpose, &c.Campaign, &c.AnsweredBy, &greeted, &opened, &c.Attestation)
	if len(c.Costs) == 0 {
		c.Costs = nil
	}
	c.From, c.To = privacy.Number(from), privacy.Number(to)
	c.DecisionID, c.AttemptID = decision.UUID, attempt.UUID
	c.GreetedAt, c.OpenedAt = zeroOrUTC(greeted), zeroOrUTC(opened)
	c.StartedAt, c.AnsweredAt, c.EndedAt = c.StartedAt.UTC(), zeroOrUTC(answered), zeroOrUTC(ended)
	return c, err
}

func scanTurn(r pgx.CollectableRow) (Turn, error) {
	var (
		t           Turn
		said, heard string
		ended       *time.Time
		total       *float64
	)
	err := r.Scan(&t.CallID, &t.Number, &t.Role, &said, &heard, &t.Interrupted, &t.StartedAt, &ended, &t.Latency.Stages, &total)
	t.Text, t.HeardText = privacy.Words(said), privacy.Words(heard)
	t.StartedAt, t.EndedAt = t.StartedAt.UTC(), zeroOrUTC(ended)
	if len(t.Latency.Stages) == 0 {
		t.Latency.Stages = nil
	}
	if total != nil {
		t.Latency.Total = fromMilliseconds(*total)
	}
	return t, err
}

func scanEvent(r pgx.CollectableRow) (Event, error) {
	var (
		e  Event
		ns int64
	)
	err := r.Scan(&e.CallID, &e.Seq, &ns, &e.Kind, &e.Data)
	e.At = time.Duration(ns)
	return e, err
}

func idOrNull(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func zeroOrUTC(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// A cursor is the start time in microseconds and the ID of the last call of a
// page, in URL-safe base64.
const cursorBytes = 8 + 16

func cursorAfter(c Call) string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(c.StartedAt.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(raw, c.ID[:]...))
}

func parseCursor(cursor string) (time.Time, uuid.UUID, error) {
	if cursor == "" {
		return time.Time{}, uuid.Nil, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) != cursorBytes {
		return time.Time{}, uuid.Nil, ErrCursor
	}
	started := time.UnixMicro(int64(binary.BigEndian.Uint64(raw)))
	if year := started.UTC().Year(); year < 1970 || year > 9999 {
		return time.Time{}, uuid.Nil, ErrCursor
	}
	return started, uuid.UUID(raw[8:]), nil
}

var errNoState = errors.New("want dialing, ringing, in_progress or ended")

// ParseState reads the name of a state.
func ParseState(name string) (State, error) {
	switch s := State(name); s {
	case Dialing, Ringing, InProgress, Ended:
		return s, nil
	}
	return "", fmt.Errorf("state %q: %w", name, errNoState)
}
