package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"trunkline/compliance"
	"trunkline/privacy"
	"trunkline/storage/evidence"
	"trunkline/storage/spool"
)

// ErrNotKept says that a revocation could be written nowhere. This process
// does not dial the person; nothing may be promised to them.
var ErrNotKept = errors.New("the revocation could be written neither to the database nor to the disk")

// Revoke makes a person's wish not to be called stand. When it returns without
// an error the wish is safe on disk, in the database or in this node's spool,
// and no dial of this node is admitted against it; the person may be told.
// ctx bounds the wait for the database only.
func (g *Gate) Revoke(ctx context.Context, o evidence.Order) error {
	if o.Tenant == "" {
		o.Tenant = g.cfg.Tenant
	}
	if o.Scope == "" {
		o.Scope = compliance.ScopeSeller
	}
	if o.Scope == compliance.ScopeSeller && o.Seller == "" {
		o.Scope = compliance.ScopeTenant // wider, where it is not known whom the person spoke to
	}
	o.Number = dialable(o.Number)
	s, err := g.cfg.Keys.Suppression(o)
	if err != nil {
		return err
	}
	g.remember(&s)
	bounded, cancel := context.WithTimeout(ctx, g.cfg.Timeout)
	defer cancel()
	g.settle(bounded, &s)
	err = g.cfg.Ledger.Suppress(bounded, s)
	if err == nil {
		return nil
	}
	g.cfg.Log.Warn("a revocation goes to the spool: the database does not take it", slog.Any("error", err))
	data, encodeErr := json.Marshal(s)
	if encodeErr != nil {
		return fmt.Errorf("%w: %w", ErrNotKept, encodeErr)
	}
	if spoolErr := g.behind.put(data); spoolErr != nil {
		g.cfg.Log.Error("a revocation is lost when this process ends", slog.Any("database", err), slog.Any("spool", spoolErr))

		return fmt.Errorf("%w: %w", ErrNotKept, errors.Join(err, spoolErr))
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

// write puts revocations into the database, each once: their ids are made from
// what was asked.
func (g *Gate) write(ctx context.Context, records []spool.Record) error {
	of := map[string][]evidence.Suppression{} // by tenant
	for _, s := range g.decode(records) {
		of[s.Tenant] = append(of[s.Tenant], s)
	}
	for _, all := range of {
		if err := g.cfg.Ledger.Suppress(ctx, all...); err != nil {
			return err
		}
	}

	return nil
}

func (g *Gate) decode(records []spool.Record) (all []evidence.Suppression) {
	for _, r := range records {
		var s evidence.Suppression
		if err := json.Unmarshal(r.Payload, &s); err != nil {
			g.cfg.Log.Error("a revocation is lost: its record in the spool cannot be read", slog.Uint64("record", r.Number), slog.Any("error", err))

			continue
		}
		all = append(all, s)
	}

	return all
}
