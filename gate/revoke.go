package gate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/google/uuid"

	"trunkline/compliance"
	"trunkline/privacy"
	"trunkline/storage/evidence"
	"trunkline/storage/spool"
)

// ErrNotKept says that a revocation could be written nowhere. This process
// does not dial the person; nothing may be promised to them.
var ErrNotKept = errors.New("the revocation could be written neither to the database nor to the disk")

// revocation is how one waits in the spool.
type revocation struct {
	evidence.Suppression

	Act *evidence.Act `json:"act,omitempty"` // by which it was asked for; nil: in a call
}

// Revoke makes a person's wish not to be called stand. When it returns without
// an error the wish is safe on disk, in the database or in this node's spool,
// and no dial of this node is admitted against it; the person may be told.
// ctx bounds the wait for the database only.
func (g *Gate) Revoke(ctx context.Context, o evidence.Order) error {
	s, err := g.suppression(o)
	if err != nil {
		return err
	}
	_, err = g.keep(ctx, &revocation{Suppression: s})

	return err
}

// Suppress is Revoke for an order that somebody gives by the API, which is
// recorded together with that act. waits is true when both wait in the spool for
// the database.
func (g *Gate) Suppress(ctx context.Context, o evidence.Order, by evidence.Act) (id uuid.UUID, waits bool, err error) {
	s, err := g.suppression(o)
	if err != nil {
		return uuid.Nil, false, err
	}
	waits, err = g.keep(ctx, &revocation{s, &by})

	return s.ID, waits, err
}

// suppression is what an order makes.
func (g *Gate) suppression(o evidence.Order) (evidence.Suppression, error) {
	o.Tenant = cmp.Or(o.Tenant, g.cfg.Tenant)
	o.Scope = cmp.Or(o.Scope, compliance.ScopeSeller)
	if o.Seller == "" && (o.Scope == compliance.ScopeSeller || o.Scope == compliance.ScopeMarketing) {
		o.Scope = compliance.ScopeTenant // wider, where it is not known whom the person spoke to
	}
	o.Number = dialable(o.Number)

	return g.cfg.Keys.Suppression(o)
}

// keep has dials denied, and writes the revocation into the database, or where
// that does not take it into the spool.
func (g *Gate) keep(ctx context.Context, r *revocation) (waits bool, err error) {
	g.remember(&r.Suppression)
	bounded, cancel := context.WithTimeout(ctx, g.cfg.Timeout)
	defer cancel()
	g.settle(bounded, &r.Suppression)
	if err = g.store(bounded, []revocation{*r}); err == nil {
		return false, nil
	}
	g.cfg.Log.Warn("a revocation goes to the spool: the database does not take it", slog.Any("error", err))
	data, spoolErr := json.Marshal(r)
	if spoolErr == nil {
		spoolErr = g.behind.put(data)
	}
	if spoolErr != nil {
		g.cfg.Log.Error("a revocation is lost when this process ends", slog.Any("database", err), slog.Any("spool", spoolErr))

		return false, fmt.Errorf("%w: %w", ErrNotKept, errors.Join(err, spoolErr))
	}

	return true, nil
}

// store writes revocations of one tenant into the database, each once: their ids
// are made from what was asked.
func (g *Gate) store(ctx context.Context, all []revocation) error {
	var acts []evidence.Act
	orders := make([]evidence.Suppression, len(all))
	for i := range all {
		orders[i] = all[i].Suppression
		if all[i].Act != nil {
			acts = append(acts, *all[i].Act)
		}
	}
	if err := g.cfg.Ledger.SuppressBy(ctx, acts, orders...); err != nil {
		return err
	}
	for i := range orders {
		g.stored(&orders[i])
	}

	return nil
}

// dialable writes a caller's number as it would be dialed, in E.164: carriers
// send "2125550123", "12125550123" and "sip:+12125550123@host" for the same.
// What is no telephone number stays as it is.
func dialable(n privacy.Number) privacy.Number {
	text := string(n)
	for _, scheme := range []string{"sips:", "sip:", "tel:"} {
		text = strings.TrimPrefix(text, scheme)
	}
	text, _, _ = strings.Cut(text, "@")
	text, _, _ = strings.Cut(text, ";")
	digits, international := strings.CutPrefix(text, "+")
	switch {
	case digits == "" || strings.Trim(digits, "0123456789") != "":
		return n
	case international:
		return privacy.Number(text)
	case len(digits) == 11 && digits[0] == '1':
		return privacy.Number("+" + digits)
	case len(digits) == 10 && digits[0] >= '2':
		return privacy.Number("+1" + digits)
	default:
		return n
	}
}

// Waiting is how many revocations wait for the database.
func (g *Gate) Waiting() int { return g.cfg.Revocations.Stats().Waiting }

// Start begins to write the revocations of the spool into the database, and to
// listen for those of other nodes.
func (g *Gate) Start() error {
	if err := g.behind.start(); err != nil {
		return err
	}
	g.listens.start(g)

	return nil
}

// Stop ends that. What still waits is for the next process. It may be called
// again, and before Start.
func (g *Gate) Stop() {
	g.behind.stop()
	g.listens.stop()
}

// write puts revocations of the spool into the database.
func (g *Gate) write(ctx context.Context, records []spool.Record) error {
	of := map[string][]revocation{} // by tenant
	for _, r := range g.decode(records) {
		of[r.Tenant] = append(of[r.Tenant], r)
	}
	for _, all := range of {
		if err := g.store(ctx, all); err != nil {
			return err
		}
	}

	return nil
}

func (g *Gate) decode(records []spool.Record) (all []revocation) {
	for _, record := range records {
		var r revocation
		if err := json.Unmarshal(record.Payload, &r); err != nil {
			g.cfg.Log.Error("a revocation is lost: its record in the spool cannot be read", slog.Uint64("record", record.Number), slog.Any("error", err))

			continue
		}
		all = append(all, r)
	}

	return all
}
