package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"trunkline/compliance"
	"trunkline/compliance/npa"
	"trunkline/privacy"
)

// lastDigits of a number are its place in a block of a list.
const lastDigits = 4

// place is where a number stands in the lists.
func place(number privacy.Number) (prefix int64, bit int, ok bool) {
	digits, found := strings.CutPrefix(string(number), "+")
	n, err := strconv.ParseUint(digits, 10, 63)
	if !found || err != nil || len(digits) <= lastDigits || digits[0] == '0' {
		return 0, 0, false
	}

	return int64(n / 10_000), int(n % 10_000), true
}

// selectFacts asks all that the database knows about one case in one statement,
// whose answer is JSON as package compliance spells it. $1 is the tenant, $2
// the callee, $3 and $4 the place in the lists, $5 how far back attempts count,
// $6 the attempt that is replaced, $7 the caller ID, $8 the newest import of a
// list that is known here, by its place in the chain, and $9 the lists that are
// known.
//
// Lists change now and then: they are given when one was imported since, and
// otherwise only which of them hold the number. The newest snapshot of each list
// is found by its index, however many older ones there are. An attempt that was
// replaced was never dialed. Of a call that became a conversation the caller's
// words are on record.
const selectFacts = `SELECT json_build_object(
	'consents', (SELECT json_agg(json_build_object('id', c.id, 'seller', c.seller, 'level', c.level, 'purposes', c.purposes, 'subject', c.subject,
			'artificial', c.artificial_voice, 'signature', c.signature_value <> '', 'not_condition', c.not_condition, 'disclosure', c.disclosure_sha256,
			'request_copy', c.request_sha256, 'given_copy', c.given_sha256, 'captured_at', c.captured_at, 'effective_at', c.effective_at,
			'expires_at', c.expires_at, 'revoked_at', (SELECT min(r.revoked_at) FROM consent_revocations r WHERE r.consent_id = c.id))
			ORDER BY c.captured_at, c.id)
		FROM consents c WHERE c.tenant = $1 AND c.callee = $2),
	'suppressions', (SELECT json_agg(json_build_object('id', s.id, 'scope', s.scope, 'seller', s.seller, 'campaign', s.campaign, 'cause', s.cause, 'at', s.made_at)
			ORDER BY s.made_at, s.id)
		FROM suppressions s WHERE s.tenant = $1 AND s.callee = $2 AND NOT EXISTS (SELECT FROM suppression_lifts l WHERE l.suppression_id = s.id)),
	'lists_at', imported.last,
	'lists', CASE WHEN imported.last <> $8 THEN (WITH RECURSIVE newest AS (
			(SELECT s.id, s.kind, s.state, s.account, s.obtained_at, s.sha256, s.everywhere, s.area_codes
				FROM list_snapshots s WHERE s.tenant = $1 ORDER BY s.kind, s.state, s.obtained_at DESC, s.imported_at DESC LIMIT 1)
			UNION ALL
			SELECT n.id, n.kind, n.state, n.account, n.obtained_at, n.sha256, n.everywhere, n.area_codes FROM newest o, LATERAL (SELECT s.id, s.kind, s.state, s.account, s.obtained_at, s.sha256, s.everywhere, s.area_codes
				FROM list_snapshots s WHERE s.tenant = $1 AND (s.kind, s.state) > (o.kind, o.state)
				ORDER BY s.kind, s.state, s.obtained_at DESC, s.imported_at DESC LIMIT 1) n)
		SELECT json_agg(json_build_object('id', s.id, 'kind', s.kind, 'state', s.state, 'account', s.account, 'obtained_at', s.obtained_at, 'sha256', s.sha256,
			'everywhere', s.everywhere, 'area_codes', s.area_codes,
			'hit', coalesce((SELECT get_bit(b.members, $4) = 1 FROM list_blocks b WHERE b.snapshot_id = s.id AND b.prefix = $3), false))) FROM newest s) END,
	'hits', CASE WHEN imported.last = $8 THEN (SELECT json_agg(b.snapshot_id) FROM list_blocks b
		WHERE b.snapshot_id = ANY($9::uuid[]) AND b.prefix = $3 AND get_bit(b.members, $4) = 1) END,
	'attempts', (SELECT json_agg(json_build_object('at', a.placed_at, 'seller', a.seller, 'campaign', a.campaign, 'subject', a.subject, 'debt', a.debt,
			'conversation', EXISTS (SELECT FROM calls c JOIN turns t ON t.call_id = c.id WHERE c.attempt_id = a.id AND t.role = 'caller'))
			ORDER BY a.placed_at)
		FROM attempts a WHERE a.tenant = $1 AND a.callee = $2 AND a.placed_at >= $5 AND a.id IS DISTINCT FROM $6
			AND NOT EXISTS (SELECT FROM attempts n WHERE n.replaces = a.id)),
	'reassigned', (SELECT json_build_object('answer', r.answer, 'queried_at', r.queried_at, 'asked_since', r.asked_since) FROM reassigned_results r
		WHERE r.tenant = $1 AND r.callee = $2 ORDER BY r.queried_at DESC LIMIT 1),
	'last_contact', (SELECT max(c.answered_at) FROM attempts a JOIN calls c ON c.attempt_id = a.id WHERE a.tenant = $1 AND a.callee = $2
		AND EXISTS (SELECT FROM turns t WHERE t.call_id = c.id AND t.role = 'caller')),
	'caller_id', (SELECT json_build_object('seller', i.seller, 'proof', i.proof, 'valid_from', i.valid_from, 'valid_to', i.valid_to, 'answered', i.answered)
		FROM caller_ids i WHERE i.tenant = $1 AND i.number = $7 ORDER BY i.made_at DESC LIMIT 1))
	FROM (SELECT coalesce((SELECT l.seq FROM ledger l WHERE l.tenant = $1 AND l.kind = 'list_snapshot' ORDER BY l.seq DESC LIMIT 1), 0) AS last) imported`

// answer is the one to selectFacts.
type answer struct {
	Consents     []compliance.Consent         `json:"consents"`
	Suppressions []compliance.Suppression     `json:"suppressions"`
	ListsAt      int64                        `json:"lists_at"`
	Lists        []compliance.ListSnapshot    `json:"lists"`
	Hits         []string                     `json:"hits"`
	Attempts     []compliance.PastAttempt     `json:"attempts"`
	Reassigned   *compliance.ReassignedResult `json:"reassigned"`
	LastContact  time.Time                    `json:"last_contact"`
	CallerID     *compliance.CallerID         `json:"caller_id"`
}

// lists are the newest version of each of a tenant's lists, as they stood with
// one import. They are not changed.
type lists struct {
	at  int64 // place of the import in the chain; 0: none was made
	all []compliance.ListSnapshot
	ids [][16]byte // as uuid.UUID each would be written and read as text
}

// knownLists keeps the lists of tenants. It is safe for concurrent use.
type knownLists struct {
	mu sync.Mutex
	of map[string]*lists
}

// newest gives those that are known; of an unknown tenant none, with a place that
// no import has.
func (k *knownLists) newest(tenant string) *lists {
	k.mu.Lock()
	defer k.mu.Unlock()
	if l := k.of[tenant]; l != nil {
		return l
	}

	return &lists{at: -1, ids: [][16]byte{}}
}

// learn keeps lists, unless later ones are known.
func (k *knownLists) learn(tenant string, at int64, all []compliance.ListSnapshot) (*lists, error) {
	l := &lists{at: at, all: slices.Clone(all), ids: make([][16]byte, len(all))}
	for i := range all {
		id, err := uuid.Parse(all[i].ID)
		if err != nil {
			return nil, err
		}
		l.ids[i] = id
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil {
		k.of = map[string]*lists{}
	}
	if old := k.of[tenant]; old == nil || old.at < at {
		k.of[tenant] = l
	}

	return l, nil
}

// about gives the lists as they concern one number: of the area codes only its
// own, if it is covered. The snapshot's entry in the ledger has the others.
func (l *lists) about(code string, hit func(*compliance.ListSnapshot) bool) []compliance.ListSnapshot {
	if len(l.all) == 0 {
		return nil
	}
	out := slices.Clone(l.all)
	for i := range out {
		s := &out[i]
		covered := !s.Everywhere && slices.Contains(s.AreaCodes, code)
		s.Hit, s.AreaCodes = hit(s), nil
		if covered {
			s.AreaCodes = []string{code}
		}
	}

	return out
}

// gather asks what the database knows about the case. f has it when the batch
// is closed.
func (l *Ledger) gather(b *pgx.Batch, c *Case, f *compliance.Facts) {
	a := &c.Attempt
	callee := l.keys.Callee(a.To)
	prefix, bit, listable := place(a.To)
	known := l.lists.newest(a.Tenant)
	b.Queue(selectFacts, a.Tenant, callee[:], prefix, bit, instant(c.Since), idOrNull(c.Replaces), string(a.From), known.at, known.ids).
		QueryRow(func(row pgx.Row) error {
			var text []byte
			if err := row.Scan(&text); err != nil {
				return err
			}
			var k answer
			err := json.Unmarshal(text, &k)
			if err == nil {
				err = l.complete(&k, a, known)
			}
			if err != nil {
				return fmt.Errorf("read the facts of a decision: %w", err)
			}
			k.into(f, a)
			if !listable {
				f.Lists = compliance.Unknown[[]compliance.ListSnapshot]("the number is not written as in +15551234567")
			}

			return nil
		})
}

// complete puts the lists into an answer that was asked for what those that were
// known do not say.
func (l *Ledger) complete(k *answer, a *compliance.Attempt, known *lists) (err error) {
	k.inUTC()
	hit := func(s *compliance.ListSnapshot) bool { return slices.Contains(k.Hits, s.ID) }
	if k.ListsAt != known.at {
		if known, err = l.lists.learn(a.Tenant, k.ListsAt, k.Lists); err != nil {
			return err
		}
		hit = func(s *compliance.ListSnapshot) bool { return s.Hit }
	}
	k.Lists = known.about(npa.Code(string(a.To)), hit)

	return nil
}

// into makes facts of what is known of the parties of an attempt.
func (k *answer) into(f *compliance.Facts, a *compliance.Attempt) {
	for i := range k.Consents {
		k.Consents[i].To = a.To // the same hash
	}
	f.Consents = compliance.Know(k.Consents)
	f.Suppressions = compliance.Know(append(f.Suppressions.Value, k.Suppressions...)) // those of this node's spool first
	f.Lists = compliance.Know(k.Lists)
	f.History.Value.Attempts, f.History.Known = k.Attempts, true
	f.Reassigned = compliance.Unknown[compliance.ReassignedResult]("the Reassigned Numbers Database was not asked about the number")
	if k.Reassigned != nil {
		f.Reassigned = compliance.Know(*k.Reassigned)
	}
	f.Reassigned.Value.LastContact = k.LastContact
	f.CallerID = compliance.Unknown[compliance.CallerID]("nothing proves the right to show this number; add it with trunkline caller-id add")
	if k.CallerID != nil {
		f.CallerID = compliance.Know(*k.CallerID)
	}
	f.CallerID.Value.Number = a.From
}

// inUTC gives instants, which PostgreSQL writes in the session's zone, the one
// form that they have in the ledger.
func (k *answer) inUTC() {
	utc := func(all ...*time.Time) {
		for _, t := range all {
			*t = t.UTC()
		}
	}
	for i := range k.Consents {
		c := &k.Consents[i]
		utc(&c.CapturedAt, &c.EffectiveAt, &c.ExpiresAt, &c.RevokedAt)
	}
	for i := range k.Suppressions {
		utc(&k.Suppressions[i].At)
	}
	for i := range k.Lists {
		utc(&k.Lists[i].ObtainedAt)
	}
	for i := range k.Attempts {
		utc(&k.Attempts[i].At)
	}
	utc(&k.LastContact)
	if r := k.Reassigned; r != nil {
		utc(&r.QueriedAt, &r.AskedSince)
	}
	if i := k.CallerID; i != nil {
		utc(&i.ValidFrom, &i.ValidTo)
	}
}

// selectAbandoned counts a campaign's calls that were answered live, and those
// of them where nothing was said soon enough after the greeting. One about which
// it is not known what answered counts as live; one where the agent was never
// heard as abandoned.
const selectAbandoned = `SELECT count(*), count(*) FILTER (WHERE c.opened_at IS NULL OR c.opened_at > coalesce(c.greeted_at, c.answered_at) + $5::interval)
	FROM calls c WHERE c.campaign = $2 AND c.started_at BETWEEN $3 AND $4 AND c.state = 'ended' AND c.answered_at IS NOT NULL
		AND c.answered_by NOT IN ('machine', 'fax') AND c.attempt_id IS NOT NULL
		AND EXISTS (SELECT FROM attempts a WHERE a.id = c.attempt_id AND a.tenant = $1)`

// Abandoned counts a campaign's calls that began between two instants and that
// nobody spoke in within a time of the greeting (47 CFR 64.1200(a)(7)). It reads
// every one of them that was answered: the count is to be kept for a while.
func (l *Ledger) Abandoned(ctx context.Context, tenant, campaign string, from, to time.Time, within time.Duration) (compliance.Abandonment, error) {
	n := compliance.Abandonment{From: from, To: to}
	err := l.store.Pool().QueryRow(ctx, selectAbandoned, tenant, campaign, instant(from), instant(to), within).Scan(&n.Live, &n.Abandoned)

	return n, l.store.Explain("count abandoned calls", err)
}

// late names the error of the trigger that keeps attempts from decisions that
// are too old.
func late(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.ConstraintName == "attempts_decision_is_fresh" {
		return ErrLate
	}

	return err
}
