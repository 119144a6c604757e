package evidence

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"trunkline/compliance"
	"trunkline/privacy"
)

// AddCallerID records the right to show a number; the newest row of a number
// counts.
func (l *Ledger) AddCallerID(ctx context.Context, tenant string, c compliance.CallerID) error {
	id, now := uuid.Must(uuid.NewV7()), time.Now()
	e, err := newEntry(tenant, KindCallerID, id, now, c, func(b *pgx.Batch) {
		var to *time.Time
		if !c.ValidTo.IsZero() {
			to = new(instant(c.ValidTo))
		}
		b.Queue(`INSERT INTO caller_ids (id, tenant, number, seller, proof, valid_from, valid_to, answered, made_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			id, tenant, string(c.Number), c.Seller, c.Proof, instant(c.ValidFrom), to, c.Answered, instant(now))
	})
	if err != nil {
		return err
	}

	return l.add(ctx, "record a caller ID", []entry{e})
}

// Reassigned is one answer of the Reassigned Numbers Database.
type Reassigned struct {
	Number privacy.Number
	compliance.ReassignedResult
}

// AddReassigned records answers.
func (l *Ledger) AddReassigned(ctx context.Context, tenant string, all ...Reassigned) error {
	var entries []entry
	for i := range all {
		r := &all[i]
		id, callee := uuid.Must(uuid.NewV7()), l.keys.Callee(r.Number)
		e, err := newEntry(tenant, KindReassigned, id, r.QueriedAt, struct {
			Callee Callee `json:"callee"`
			compliance.ReassignedResult
		}{callee, r.ReassignedResult}, func(b *pgx.Batch) {
			b.Queue(`INSERT INTO reassigned_results (id, tenant, callee, answer, queried_at, asked_since) VALUES ($1, $2, $3, $4, $5, $6)`,
				id, tenant, callee[:], string(r.Answer), instant(r.QueriedAt), instant(r.AskedSince))
		})
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}

	return l.add(ctx, "record answers about reassigned numbers", entries)
}
