package storage

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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

// Turns and events of a call that is not recorded, because its own row was
// dropped or refused, insert nothing.
const (
	upsertTurn = `INSERT INTO turns (call_id, number, role, said, heard, interrupted, started_at, ended_at, latency, total_ms)
		SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 WHERE EXISTS (SELECT FROM calls WHERE id = $1)
		ON CONFLICT (call_id, number) DO UPDATE SET
			role = excluded.role, said = excluded.said, heard = excluded.heard, interrupted = excluded.interrupted,
			started_at = excluded.started_at, ended_at = excluded.ended_at,
			latency = excluded.latency, total_ms = excluded.total_ms`
	upsertEvent = `INSERT INTO events (call_id, seq, at_ns, kind, data)
		SELECT $1, $2, $3, $4, $5 WHERE EXISTS (SELECT FROM calls WHERE id = $1)
		ON CONFLICT (call_id, seq) DO UPDATE SET at_ns = excluded.at_ns, kind = excluded.kind, data = excluded.data`
)

// write puts rows into the database in one transaction; writing the same rows
// again changes nothing. It returns how many rows found no call to belong to.
func (s *session) write(ctx context.Context, rows []row) (homeless Drops, err error) {
	var batch pgx.Batch
	for _, r := range rows {
		queued := s.enqueue(&batch, r)
		queued.Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() == 0 && r.call == nil {
				homeless = homeless.plus(r.rank())
			}
			return nil
		})
	}
	if err := s.conn.SendBatch(ctx, &batch).Close(); err != nil {
		return Drops{}, classify("write history", s.where, err)
	}
	return homeless, nil
}

func (s *session) enqueue(batch *pgx.Batch, r row) *pgx.QueuedQuery {
	owner := s.owner
	if r.owner != nil {
		owner = *r.owner
	}
	switch {
	case r.call != nil:
		c := r.call
		costs := c.Costs
		if costs == nil {
			costs = []Cost{}
		}
		return batch.Queue(upsertCall, c.ID, string(c.Direction), string(c.Door), storable(c.Trunk),
			storable(string(c.From)), storable(string(c.To)), storable(c.Agent), string(c.State),
			c.StartedAt, timeOrNull(c.AnsweredAt), timeOrNull(c.EndedAt), storable(c.EndReason), string(c.Fault),
			storable(c.Recording), storable(c.DoorCallID), c.Media, costs,
			idOrNull(c.DecisionID), idOrNull(c.AttemptID), storable(c.Purpose), storable(c.Campaign), c.AnsweredBy,
			timeOrNull(c.GreetedAt), timeOrNull(c.OpenedAt), c.Attestation, c.Cost().String(),
			owner.Node, owner.Boot)
	case r.turn != nil:
		t := r.turn
		stages := t.Latency.Stages
		if stages == nil {
			stages = []Stage{}
		}
		var total *float64
		if t.Latency.Measured() {
			total = new(Milliseconds(t.Latency.Total))
		}
		return batch.Queue(upsertTurn, t.CallID, t.Number, string(t.Role), storable(string(t.Text)),
			storable(string(t.HeardText)), t.Interrupted, t.StartedAt, timeOrNull(t.EndedAt), stages, total)
	default:
		e := r.event
		var data any
		if e.Data != nil {
			data = e.Data
		}
		return batch.Queue(upsertEvent, e.CallID, e.Seq, e.At.Nanoseconds(), storable(e.Kind), data)
	}
}
