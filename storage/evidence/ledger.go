package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"trunkline/compliance"
	"trunkline/storage"
)

// Kind says what an entry of the ledger is.
type Kind string

// Kinds of entries. Each but the first two has a table of its own name.
const (
	KindDecision   Kind = "decision"
	KindAttempt    Kind = "attempt"
	KindConsent    Kind = "consent"
	KindRevocation Kind = "consent_revocation"
	KindSuppress   Kind = "suppression"
	KindLift       Kind = "suppression_lift"
	KindList       Kind = "list_snapshot"
	KindCallerID   Kind = "caller_id"
	KindReassigned Kind = "reassigned_result"
	KindAct        Kind = "act"
	KindErasure    Kind = "erasure"
	KindHold       Kind = "legal_hold"
	KindRelease    Kind = "legal_hold_release"
)

// ErrKey says that the evidence was made with another key.
var ErrKey = errors.New("the evidence in this database was made with another key: its numbers would not be found; restore the key file")

// Ledger adds evidence and finds it again. It is safe for concurrent use.
type Ledger struct {
	store      *storage.Store
	keys       *Keys
	commits    *committer
	departures *pgxpool.Pool // for calls that leave just now
	lists      knownLists
}

// Open prepares a database whose schema is migrated. Opt-outs that earlier
// versions recorded become suppressions of tenant. It returns ErrKey when the
// evidence in it was made with another key.
func Open(ctx context.Context, store *storage.Store, keys *Keys, tenant string) (*Ledger, error) {
	pool, err := store.NewPool(writers, settings)
	if err != nil {
		return nil, err
	}
	departures, err := store.NewPool(departing, settings)
	if err != nil {
		pool.Close()

		return nil, err
	}
	l := &Ledger{store: store, keys: keys, commits: newCommitter(pool), departures: departures}
	if err = l.claimKey(ctx); err == nil {
		err = l.moveOptOuts(ctx, tenant)
	}
	if err != nil {
		pool.Close()
		departures.Close()

		return nil, err
	}

	return l, nil
}

// settings of the connections that commit. Every statement there looks up a few
// rows by an index. It is planned once, and not for every called party anew; and
// a plan that was made while the tables were small still holds when they are
// not, constraints' own checks included.
var settings = map[string]string{"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "enable_bitmapscan": "off"}

// Close takes no further decisions and rows, and waits for those that are being
// written. It may be called again; the store is not closed.
func (l *Ledger) Close() {
	l.commits.close()
	l.commits.pool.Close()
	l.departures.Close()
}

// claimKey makes the first key that comes the database's own.
func (l *Ledger) claimKey(ctx context.Context) error {
	var same bool
	err := pgx.BeginFunc(ctx, l.store.Pool(), func(tx pgx.Tx) error {
		// Two nodes that start at once with different keys: one comes second.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(20547, 0)`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO evidence_keys (fingerprint) SELECT $1 WHERE NOT EXISTS (SELECT FROM evidence_keys)`, l.keys.fingerprint())
		if err != nil {
			return err
		}

		return tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM evidence_keys WHERE fingerprint = $1)`, l.keys.fingerprint()).Scan(&same)
	})
	if err != nil {
		return l.store.Explain("open the evidence", err)
	}
	if !same {
		return ErrKey
	}

	return nil
}

// entry is one row of the ledger, before it has a place in the chain.
type entry struct {
	id     uuid.UUID
	kind   Kind
	tenant string
	text   string // canonical
	insert func(*pgx.Batch)
}

// newEntry encodes a row in the only way in which it can be encoded
// (docs/compliance-officer.md).
func newEntry(tenant string, kind Kind, id uuid.UUID, at time.Time, body any, insert func(*pgx.Batch)) (entry, error) {
	text, err := compliance.Canonical(struct {
		Tenant string    `json:"tenant"`
		Kind   Kind      `json:"kind"`
		ID     uuid.UUID `json:"id"`
		At     time.Time `json:"at"`
		Body   any       `json:"body"`
	}{tenant, kind, id, instant(at), body})
	if err != nil {
		return entry{}, fmt.Errorf("encode a %s: %w", kind, err)
	}

	return entry{id: id, kind: kind, tenant: tenant, text: string(text), insert: insert}, nil
}

// instant is t as PostgreSQL keeps it.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// idOrNull is the id for a column that is null when there is none.
func idOrNull(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}

	return &id
}

// queue adds entries of one tenant to the chain, and then their rows. An entry
// whose id is in the chain already changes nothing.
func queue(b *pgx.Batch, entries ...entry) {
	var (
		ids          = make([][16]byte, len(entries)) // as uuid.UUID each would be written and read as text
		kinds, texts = make([]string, len(entries)), make([]string, len(entries))
	)
	for i, e := range entries {
		ids[i], kinds[i], texts[i] = e.id, string(e.kind), e.text
	}
	b.Queue(`SELECT ledger_append($1, $2, $3, $4)`, entries[0].tenant, ids, kinds, texts)
	for _, e := range entries {
		if e.insert != nil {
			e.insert(b)
		}
	}
}

// add writes entries of one tenant, together with those of other callers, under
// the locks of the called parties. It returns when they are safe.
func (l *Ledger) add(ctx context.Context, op string, entries []entry, callees ...Callee) error {
	if len(entries) == 0 {
		return nil
	}

	return l.store.Explain(op, l.commits.do(&write{
		ctx: ctx, tenant: entries[0].tenant, callees: callees, entries: func() ([]entry, error) { return entries, nil },
	}))
}

// Act is what somebody did by the API or a command, or a call by itself. Its
// JSON form is the one by which a spool keeps it.
type Act struct {
	ID     uuid.UUID       `json:"id"` // the same when it is recorded again
	Tenant string          `json:"tenant"`
	Actor  string          `json:"actor"` // name of the API key, or of the account that ran the command
	Role   string          `json:"role"`
	Act    string          `json:"act"`    // such as "GET /v1/calls" or "consent import"
	Object string          `json:"object"` // what it was done to; no telephone number
	At     time.Time       `json:"at"`
	Detail json.RawMessage `json:"detail,omitempty"` // more, as JSON with whole numbers; nil: none
}

// RecordAct adds an act. It returns when the row is safe.
func (l *Ledger) RecordAct(ctx context.Context, a Act) error { return l.RecordActs(ctx, a) }

// RecordActs adds acts of one tenant. It returns when the rows are safe.
func (l *Ledger) RecordActs(ctx context.Context, all ...Act) error {
	entries, err := actEntries(all)
	if err != nil {
		return err
	}

	return l.add(ctx, "record what was done", entries)
}

func actEntries(all []Act) ([]entry, error) {
	entries := make([]entry, len(all))
	for i := range all {
		a := &all[i]
		var err error
		entries[i], err = newEntry(a.Tenant, KindAct, a.ID, a.At, struct {
			Actor  string          `json:"actor"`
			Role   string          `json:"role"`
			Act    string          `json:"act"`
			Object string          `json:"object"`
			Detail json.RawMessage `json:"detail,omitempty"`
		}{a.Actor, a.Role, a.Act, a.Object, a.Detail}, func(b *pgx.Batch) {
			b.Queue(`INSERT INTO acts (id, tenant, actor, role, act, object, done_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`,
				a.ID, a.Tenant, a.Actor, a.Role, a.Act, a.Object, instant(a.At))
		})
		if err != nil {
			return nil, err
		}
	}

	return entries, nil
}
