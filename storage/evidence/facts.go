package evidence

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"trunkline/compliance"
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

const (
	selectConsents = `SELECT c.id::text, c.seller, c.level, c.purposes, c.subject, c.artificial_voice, c.signature_value <> '', c.not_condition,
			c.disclosure_sha256, c.request_sha256, c.given_sha256, c.captured_at, c.effective_at, c.expires_at,
			(SELECT min(revoked_at) FROM consent_revocations r WHERE r.consent_id = c.id)
		FROM consents c WHERE c.tenant = $1 AND c.callee = $2 ORDER BY c.captured_at, c.id`

	selectStanding = selectSuppressions + ` s WHERE tenant = $1 AND callee = $2
		AND NOT EXISTS (SELECT FROM suppression_lifts l WHERE l.suppression_id = s.id) ORDER BY made_at, id`

	selectLists = `SELECT s.id::text, s.kind, s.state, s.account, s.obtained_at, s.sha256, s.everywhere, s.area_codes,
			coalesce((SELECT get_bit(b.members, $3) = 1 FROM list_blocks b WHERE b.snapshot_id = s.id AND b.prefix = $2), false)
		FROM (SELECT DISTINCT ON (kind, state) * FROM list_snapshots WHERE tenant = $1
			ORDER BY kind, state, obtained_at DESC, imported_at DESC) s ORDER BY s.kind, s.state`

	// An attempt that was replaced was never dialed. Of a call that became a
	// conversation the caller's words are on record.
	selectAttempts = `SELECT a.placed_at, a.seller, a.campaign, a.subject, a.debt,
			EXISTS (SELECT FROM calls c JOIN turns t ON t.call_id = c.id WHERE c.attempt_id = a.id AND t.role = 'caller')
		FROM attempts a WHERE a.tenant = $1 AND a.callee = $2 AND a.placed_at >= $3
			AND a.id IS DISTINCT FROM $4 AND NOT EXISTS (SELECT FROM attempts n WHERE n.replaces = a.id)
		ORDER BY a.placed_at`

	selectReassigned = `SELECT answer, queried_at, asked_since FROM reassigned_results
		WHERE tenant = $1 AND callee = $2 ORDER BY queried_at DESC LIMIT 1`

	selectContact = `SELECT max(c.answered_at) FROM attempts a JOIN calls c ON c.attempt_id = a.id WHERE a.tenant = $1 AND a.callee = $2
		AND EXISTS (SELECT FROM turns t WHERE t.call_id = c.id AND t.role = 'caller')`

	selectCallerID = `SELECT seller, proof, valid_from, valid_to, answered FROM caller_ids
		WHERE tenant = $1 AND number = $2 ORDER BY made_at DESC LIMIT 1`

	// 47 CFR 64.1200(a)(7): of the calls that were answered live, those where
	// nothing was said within two seconds of the greeting. One about which it is
	// not known what answered counts as live; one where the agent was never
	// heard as abandoned.
	selectAbandoned = `SELECT count(*), count(*) FILTER (WHERE c.opened_at IS NULL OR c.opened_at > coalesce(c.greeted_at, c.answered_at) + interval '2 seconds')
		FROM attempts a JOIN calls c ON c.attempt_id = a.id
		WHERE a.tenant = $1 AND a.campaign = $2 AND a.placed_at >= $3 AND c.state = 'ended' AND c.answered_at IS NOT NULL
			AND c.answered_by NOT IN ('machine', 'fax')`
)

// abandonmentWindow is that of 47 CFR 64.1200(a)(7): 30 days.
const abandonmentWindow = 30 * 24 * time.Hour

// gather asks what the database knows about the case. f has it when the batch
// is closed.
func (l *Ledger) gather(b *pgx.Batch, c *Case, f *compliance.Facts) {
	a := &c.Attempt
	callee := l.keys.Callee(a.To)
	b.Queue(selectConsents, a.Tenant, callee[:]).Query(into(&f.Consents, func(row pgx.CollectableRow) (compliance.Consent, error) {
		return scanConsentFact(row, a.To)
	}))
	b.Queue(selectStanding, a.Tenant, callee[:]).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scanSuppression)
		all := f.Suppressions.Value // of this node's spool
		for i := range found {
			all = append(all, found[i].Fact())
		}
		f.Suppressions = compliance.Know(all)

		return err
	})
	if prefix, bit, ok := place(a.To); ok {
		b.Queue(selectLists, a.Tenant, prefix, bit).Query(into(&f.Lists, scanList))
	} else {
		f.Lists = compliance.Unknown[[]compliance.ListSnapshot]("the number is not written as in +15551234567")
	}
	b.Queue(selectAttempts, a.Tenant, callee[:], instant(c.Since), idOrNull(c.Replaces)).Query(func(rows pgx.Rows) error {
		past, err := pgx.CollectRows(rows, pgx.RowToStructByPos[compliance.PastAttempt])
		for i := range past {
			past[i].At = past[i].At.UTC()
		}
		f.History.Value.Attempts, f.History.Known = past, true

		return err
	})
	b.Queue(selectReassigned, a.Tenant, callee[:]).QueryRow(func(row pgx.Row) error {
		r := &f.Reassigned.Value
		err := row.Scan(&r.Answer, &r.QueriedAt, &r.AskedSince)
		r.QueriedAt, r.AskedSince = r.QueriedAt.UTC(), r.AskedSince.UTC()

		return found(&f.Reassigned, err, "the Reassigned Numbers Database was not asked about the number")
	})
	b.Queue(selectContact, a.Tenant, callee[:]).QueryRow(func(row pgx.Row) error {
		var at *time.Time
		err := row.Scan(&at)
		if at != nil {
			f.Reassigned.Value.LastContact = at.UTC()
		}

		return err
	})
	b.Queue(selectCallerID, a.Tenant, string(a.From)).QueryRow(func(row pgx.Row) error {
		id := &f.CallerID.Value
		id.Number = a.From
		var to *time.Time
		err := row.Scan(&id.Seller, &id.Proof, &id.ValidFrom, &to, &id.Answered)
		if id.ValidFrom = id.ValidFrom.UTC(); to != nil {
			id.ValidTo = to.UTC()
		}

		return found(&f.CallerID, err, "nothing proves the right to show this number; add it with trunkline caller-id add")
	})
	from := a.At.Add(-abandonmentWindow)
	b.Queue(selectAbandoned, a.Tenant, a.Campaign, instant(from)).QueryRow(func(row pgx.Row) error {
		n := &f.Abandonment.Value
		n.From, n.To = from, a.At

		return found(&f.Abandonment, row.Scan(&n.Live, &n.Abandoned), "it was not counted")
	})
}

// into makes a fact of the rows of a query.
func into[T any](f *compliance.Fact[[]T], scan pgx.RowToFunc[T]) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		all, err := pgx.CollectRows(rows, scan)
		*f = compliance.Know(all)

		return err
	}
}

// found makes a fact of one row, or says why there is none.
func found[T any](f *compliance.Fact[T], err error, why string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		f.Why = why

		return nil
	}
	f.Known = err == nil

	return err
}

func scanConsentFact(row pgx.CollectableRow, to privacy.Number) (compliance.Consent, error) {
	c := compliance.Consent{To: to} // the same hash
	var expires, revoked *time.Time
	err := row.Scan(&c.ID, &c.Seller, &c.Level, &c.Purposes, &c.Subject, &c.Artificial, &c.Signature, &c.NotCondition,
		&c.Disclosure, &c.RequestCopy, &c.GivenCopy, &c.CapturedAt, &c.EffectiveAt, &expires, &revoked)
	c.CapturedAt, c.EffectiveAt = c.CapturedAt.UTC(), c.EffectiveAt.UTC()
	if expires != nil {
		c.ExpiresAt = expires.UTC()
	}
	if revoked != nil {
		c.RevokedAt = revoked.UTC()
	}

	return c, err
}

func scanList(row pgx.CollectableRow) (compliance.ListSnapshot, error) {
	var s compliance.ListSnapshot
	err := row.Scan(&s.ID, &s.Kind, &s.State, &s.Account, &s.ObtainedAt, &s.SHA256, &s.Everywhere, &s.AreaCodes, &s.Hit)
	s.ObtainedAt = s.ObtainedAt.UTC()

	return s, err
}

// late names the error of the trigger that keeps attempts from decisions that
// are too old.
func late(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.ConstraintName == "attempts_decision_is_fresh" {
		return ErrLate
	}

	return err
}
