package evidence

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"trunkline/compliance"
	"trunkline/privacy"
)

// Suppression is a standing order not to call a number. Its JSON form, by
// which a spool keeps it, holds the number and the words sealed.
type Suppression struct {
	ID       uuid.UUID        `json:"id"` // the same when it is recorded again
	Tenant   string           `json:"tenant"`
	Callee   Callee           `json:"callee"`
	Sealed   []byte           `json:"sealed"`
	Scope    compliance.Scope `json:"scope"`
	Seller   string           `json:"seller,omitempty"`
	Campaign string           `json:"campaign,omitempty"`
	Cause    string           `json:"cause"` // opt_out, wrong_number, internal_list, ...
	At       time.Time        `json:"at"`
	Call     uuid.UUID        `json:"call"` // in which it was asked for; zero: in none
}

// Order is what a Suppression is made from.
type Order struct {
	Key      string // names it: a second order with the same key is the same one
	Tenant   string
	Number   privacy.Number // E.164
	Scope    compliance.Scope
	Seller   string
	Campaign string
	Cause    string
	Words    privacy.Words // that asked for it, or the key that was pressed
	At       time.Time
	Call     uuid.UUID
}

// suppressionSpace makes ids of suppressions from their keys.
var suppressionSpace = uuid.MustParse("5e5fbd5e-0b7b-4d0c-9d5b-0f4f3c0c3a11")

// private is what is sealed in a row about a person.
type private struct {
	Number string `json:"number"`
	Words  string `json:"words,omitempty"`
}

// Suppression seals an order.
func (k *Keys) Suppression(o Order) (Suppression, error) {
	s := Suppression{
		ID: uuid.NewSHA1(suppressionSpace, []byte(o.Tenant+"\x00"+o.Key)), Tenant: o.Tenant, Callee: k.Callee(o.Number),
		Scope: o.Scope, Seller: o.Seller, Campaign: o.Campaign, Cause: o.Cause, At: instant(o.At), Call: o.Call,
	}
	data, err := json.Marshal(private{Number: string(o.Number), Words: string(o.Words)})
	if err != nil {
		return s, fmt.Errorf("seal a suppression: %w", err)
	}
	s.Sealed = k.Seal(data, s.ID)

	return s, nil
}

// Reveal opens what a Suppression seals.
func (k *Keys) Reveal(s *Suppression) (privacy.Number, privacy.Words, error) {
	data, err := k.Open(s.Sealed, s.ID)
	if err != nil {
		return "", "", err
	}
	var p private
	err = json.Unmarshal(data, &p)

	return privacy.Number(p.Number), privacy.Words(p.Words), err
}

// Fact is the suppression as the rules see it.
func (s *Suppression) Fact() compliance.Suppression {
	return compliance.Suppression{
		ID: s.ID.String(), Scope: s.Scope, Seller: s.Seller, Campaign: s.Campaign, Cause: s.Cause, At: s.At,
	}
}

// entry is the suppression's row.
func (s *Suppression) entry() (entry, error) {
	return newEntry(s.Tenant, KindSuppress, s.ID, s.At, s, func(b *pgx.Batch) {
		b.Queue(`INSERT INTO suppressions (id, tenant, callee, sealed, scope, seller, campaign, cause, made_at, call_id)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING`,
			s.ID, s.Tenant, s.Callee[:], s.Sealed, string(s.Scope), s.Seller, s.Campaign, s.Cause, s.At, idOrNull(s.Call))
		s.tell(b)
	})
}

// Suppress records suppressions of one tenant; one that is recorded already
// stays as it is. Decisions about the same numbers that are being made are
// waited for. It returns when the rows are safe: then every later decision
// sees them.
func (l *Ledger) Suppress(ctx context.Context, all ...Suppression) error {
	return l.SuppressBy(ctx, nil, all...)
}

// SuppressBy is Suppress that records in the same transaction the acts by which
// the suppressions were asked for, of the same tenant.
func (l *Ledger) SuppressBy(ctx context.Context, acts []Act, all ...Suppression) error {
	if len(all) == 0 {
		return nil
	}
	entries, err := actEntries(acts)
	if err != nil {
		return err
	}
	var callees []Callee
	for i := range all {
		e, err := all[i].entry()
		if err != nil {
			return err
		}
		entries = append(entries, e)
		callees = append(callees, all[i].Callee)
	}

	return l.add(ctx, "record a suppression", entries, callees...)
}

const selectSuppressions = `SELECT id, tenant, callee, sealed, scope, seller, campaign, cause, made_at, call_id FROM suppressions`

func scanSuppression(row pgx.CollectableRow) (Suppression, error) {
	var (
		s      Suppression
		callee []byte
		call   uuid.NullUUID
	)
	err := row.Scan(&s.ID, &s.Tenant, &callee, &s.Sealed, &s.Scope, &s.Seller, &s.Campaign, &s.Cause, &s.At, &call)
	copy(s.Callee[:], callee)
	s.At, s.Call = s.At.UTC(), call.UUID

	return s, err
}

// SuppressionsOf lists those of a number, lifted ones too, oldest first.
func (l *Ledger) SuppressionsOf(ctx context.Context, tenant string, number privacy.Number) ([]Suppression, error) {
	callee := l.keys.Callee(number)
	rows, err := l.store.Pool().Query(ctx, selectSuppressions+` WHERE tenant = $1 AND callee = $2 ORDER BY made_at, id`, tenant, callee[:])
	if err != nil {
		return nil, l.store.Explain("read suppressions", err)
	}
	all, err := pgx.CollectRows(rows, scanSuppression)

	return all, l.store.Explain("read suppressions", err)
}

// moveOptOuts makes suppressions of the opt-outs that earlier versions kept in
// a table of their own.
func (l *Ledger) moveOptOuts(ctx context.Context, tenant string) error {
	const op = "move opt-outs to the suppressions"
	err := pgx.BeginFunc(ctx, l.store.Pool(), func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `DELETE FROM opt_outs RETURNING key, call_id, number, said, made_at`)
		if err != nil {
			return err
		}
		orders, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Order, error) {
			o := Order{Tenant: tenant, Scope: compliance.ScopeTenant, Cause: "opt_out"}
			err := row.Scan(&o.Key, &o.Call, &o.Number, &o.Words, &o.At)

			return o, err
		})
		if err != nil || len(orders) == 0 {
			return err
		}
		var entries []entry
		for _, o := range orders {
			s, err := l.keys.Suppression(o)
			if err != nil {
				return err
			}
			e, err := s.entry()
			if err != nil {
				return err
			}
			entries = append(entries, e)
		}
		var b pgx.Batch
		queue(&b, entries...)

		return tx.SendBatch(ctx, &b).Close()
	})

	return l.store.Explain(op, err)
}
