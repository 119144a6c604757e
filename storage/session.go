package storage

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// session is the connection through which a Journal writes. As long as it
// stands, an advisory lock tells other processes that its owner's run is
// alive, so that two gateways of one node's name do not close each other's
// calls. The server gives the lock up when the process dies, or, by the
// keepalives, half a minute after its machine does.
type session struct {
	conn  *pgx.Conn
	owner Owner
	where string
}

// The lock's key is this number, which is ours by declaration, and a hash of
// the boot.
const (
	claimBoot = `SELECT set_config('tcp_keepalives_idle', '15', false), set_config('tcp_keepalives_interval', '5', false),
		set_config('tcp_keepalives_count', '3', false), pg_try_advisory_lock_shared(20546, hashtext($1::uuid::text))`
	bootIsAlive = `EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND classid = 20546 AND objid = hashtext(calls.boot::text)::oid)`
)

func (s *Store) session(ctx context.Context, owner Owner) (writer, error) {
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return nil, classify("connect the journal", s.where, err)
	}
	w := &session{conn: conn, owner: owner, where: s.where}
	if err = takeRole(ctx, conn); err == nil {
		_, err = conn.Exec(ctx, claimBoot, owner.Boot)
	}
	if err != nil {
		w.close()
		return nil, classify("connect the journal", s.where, err)
	}
	return w, nil
}

func (s *session) ping(ctx context.Context) error {
	return classify("reach the database", s.where, s.conn.Ping(ctx))
}

// close ends the connection; a transaction that runs is rolled back.
func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // the server notices in any case
}

const upsertCall = `INSERT INTO calls (` + callColumns + `, cost, node, boot)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
		$18, $19, $20, $21, $22, $23, $24, $25, $26::numeric, $27, $28)
	ON CONFLICT (id) DO UPDATE SET
		direction = excluded.direction, door = excluded.door, trunk = excluded.trunk,
		from_number = excluded.from_number, to_number = excluded.to_number, agent = excluded.agent,
		state = excluded.state, started_at = excluded.started_at, answered_at = excluded.answered_at,
		ended_at = excluded.ended_at, end_reason = excluded.end_reason, fault = excluded.fault,
		recording = excluded.recording, door_call_id = excluded.door_call_id, media = excluded.media,
		costs = excluded.costs, cost = excluded.cost,
		decision_id = excluded.decision_id, attempt_id = excluded.attempt_id,
		purpose = excluded.purpose, campaign = excluded.campaign, answered_by = excluded.answered_by,
		greeted_at = excluded.greeted_at, opened_at = excluded.opened_at, attestation = excluded.attestation,
		node = excluded.node, boot = excluded.boot
	WHERE calls.state <> 'ended' OR excluded.state = 'ended'` // a call that has ended stays so

// Turns and events are many, and each statement takes all of its kind. Those of
// a call that is not recorded, because its own row was dropped or refused,
// insert nothing.
const (
	upsertTurns = `INSERT INTO turns (call_id, number, role, said, heard, interrupted, started_at, ended_at, latency, total_ms)
		SELECT call_id, number, role, said, heard, interrupted, started_at, ended_at, latency, total_ms
		FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::timestamptz[], $8::timestamptz[], $9::jsonb[], $10::double precision[])
			AS t (call_id, number, role, said, heard, interrupted, started_at, ended_at, latency, total_ms)
		WHERE EXISTS (SELECT FROM calls c WHERE c.id = t.call_id)
		ON CONFLICT (call_id, number) DO UPDATE SET
			role = excluded.role, said = excluded.said, heard = excluded.heard, interrupted = excluded.interrupted,
			started_at = excluded.started_at, ended_at = excluded.ended_at,
			latency = excluded.latency, total_ms = excluded.total_ms`
	upsertEvents = `INSERT INTO events (call_id, seq, at_ns, kind, data)
		SELECT call_id, seq, at_ns, kind, data FROM unnest($1::uuid[], $2::integer[], $3::bigint[], $4::text[], $5::jsonb[]) AS e (call_id, seq, at_ns, kind, data)
		WHERE EXISTS (SELECT FROM calls c WHERE c.id = e.call_id)
		ON CONFLICT (call_id, seq) DO UPDATE SET at_ns = excluded.at_ns, kind = excluded.kind, data = excluded.data`
)

// write puts rows into the database in one transaction; writing the same rows
// again changes nothing. It returns how many rows found no call to belong to.
//
// Calls go first, in their order. Of a turn or an event that comes more than
// once the last one is written.
func (s *session) write(ctx context.Context, rows []row) (homeless Drops, err error) {
	var (
		batch  pgx.Batch
		turns  = newestOf(rows, func(r row) *Turn { return r.turn }, func(t *Turn) rowKey { return rowKey{t.CallID, t.Number} })
		events = newestOf(rows, func(r row) *Event { return r.event }, func(e *Event) rowKey { return rowKey{e.CallID, e.Seq} })
	)
	for _, r := range rows {
		if r.call != nil {
			s.enqueueCall(&batch, r)
		}
	}
	if len(turns) > 0 {
		enqueueTurns(&batch, turns).Exec(func(tag pgconn.CommandTag) error {
			homeless.Turns = uint64(len(turns)) - uint64(tag.RowsAffected())

			return nil
		})
	}
	if len(events) > 0 {
		enqueueEvents(&batch, events).Exec(func(tag pgconn.CommandTag) error {
			homeless.Events = uint64(len(events)) - uint64(tag.RowsAffected())

			return nil
		})
	}
	if err := s.conn.SendBatch(ctx, &batch).Close(); err != nil {
		return Drops{}, classify("write history", s.where, err)
	}
	return homeless, nil
}

// rowKey is the key of a turn or an event.
type rowKey struct {
	call   uuid.UUID
	number int
}

// newestOf are the rows of one kind, each key's once: the one that came last.
func newestOf[T any](rows []row, of func(row) *T, key func(*T) rowKey) []*T {
	var all []*T
	at := map[rowKey]int{}
	for _, r := range rows {
		v := of(r)
		if v == nil {
			continue
		}
		if i, again := at[key(v)]; again {
			all[i] = v

			continue
		}
		at[key(v)] = len(all)
		all = append(all, v)
	}

	return all
}

// column is one value of each row.
func column[T, V any](rows []*T, of func(*T) V) []V {
	all := make([]V, len(rows))
	for i, r := range rows {
		all[i] = of(r)
	}

	return all
}

func enqueueTurns(batch *pgx.Batch, turns []*Turn) *pgx.QueuedQuery {
	return batch.Queue(upsertTurns,
		column(turns, func(t *Turn) uuid.UUID { return t.CallID }),
		column(turns, func(t *Turn) int { return t.Number }),
		column(turns, func(t *Turn) string { return string(t.Role) }),
		column(turns, func(t *Turn) string { return storable(string(t.Text)) }),
		column(turns, func(t *Turn) string { return storable(string(t.HeardText)) }),
		column(turns, func(t *Turn) bool { return t.Interrupted }),
		column(turns, func(t *Turn) time.Time { return t.StartedAt }),
		column(turns, func(t *Turn) *time.Time { return timeOrNull(t.EndedAt) }),
		pgtype.FlatArray[[]Stage](column(turns, func(t *Turn) []Stage {
			if t.Latency.Stages == nil {
				return []Stage{}
			}

			return t.Latency.Stages
		})),
		column(turns, func(t *Turn) *float64 {
			if !t.Latency.Measured() {
				return nil
			}

			return new(Milliseconds(t.Latency.Total))
		}))
}

func enqueueEvents(batch *pgx.Batch, events []*Event) *pgx.QueuedQuery {
	return batch.Queue(upsertEvents,
		column(events, func(e *Event) uuid.UUID { return e.CallID }),
		column(events, func(e *Event) int { return e.Seq }),
		column(events, func(e *Event) int64 { return e.At.Nanoseconds() }),
		column(events, func(e *Event) string { return storable(e.Kind) }),
		pgtype.FlatArray[json.RawMessage](column(events, func(e *Event) json.RawMessage { return e.Data })))
}

func (s *session) enqueueCall(batch *pgx.Batch, r row) {
	owner := s.owner
	if r.owner != nil {
		owner = *r.owner
	}
	c := r.call
	costs := c.Costs
	if costs == nil {
		costs = []Cost{}
	}
	batch.Queue(upsertCall, c.ID, string(c.Direction), string(c.Door), storable(c.Trunk),
		storable(string(c.From)), storable(string(c.To)), storable(c.Agent), string(c.State),
		c.StartedAt, timeOrNull(c.AnsweredAt), timeOrNull(c.EndedAt), storable(c.EndReason), string(c.Fault),
		storable(c.Recording), storable(c.DoorCallID), c.Media, costs,
		idOrNull(c.DecisionID), idOrNull(c.AttemptID), storable(c.Purpose), storable(c.Campaign), c.AnsweredBy,
		timeOrNull(c.GreetedAt), timeOrNull(c.OpenedAt), c.Attestation, c.Cost().String(),
		owner.Node, owner.Boot)
}
