package main

import (
	"context"
	"io"
	"time"

	"github.com/google/uuid"

	"trunkline/compliance"
	"trunkline/console"
	"trunkline/privacy"
	"trunkline/storage/evidence"
)

// evidenceAPI is the gateway's evidence, of its tenant, as console.Evidence.
type evidenceAPI struct{ *gateway }

func (e evidenceAPI) tenant() string { return e.cfg.Compliance.Tenant }

func (e evidenceAPI) Consents(ctx context.Context, number privacy.Number) (all []evidence.Consent, err error) {
	err = e.ledger.EachConsent(ctx, e.tenant(), number, func(c evidence.Consent) error {
		all = append(all, c)

		return nil
	})

	return all, err
}

func (e evidenceAPI) ImportConsents(ctx context.Context, in io.Reader, rejected func(int, string)) (int, error) {
	return e.ledger.ImportConsents(ctx, e.tenant(), in, rejected)
}

func (e evidenceAPI) RevokeConsent(ctx context.Context, id uuid.UUID, method string) error {
	return e.ledger.RevokeConsent(ctx, e.tenant(), id, time.Now(), method)
}

func (e evidenceAPI) ImportList(ctx context.Context, l evidence.List, in io.Reader) (compliance.ListSnapshot, int64, error) {
	l.Tenant = e.tenant()

	return e.ledger.ImportList(ctx, l, in)
}

func (e evidenceAPI) Suppressions(ctx context.Context, number privacy.Number) ([]evidence.Suppression, error) {
	return e.ledger.SuppressionsOf(ctx, e.tenant(), number)
}

// Suppress goes through the gate, so that this node denies dials at once.
func (e evidenceAPI) Suppress(ctx context.Context, o evidence.Order, by console.Act) (id uuid.UUID, waits bool, err error) {
	o.Tenant = e.tenant()

	return e.gate.Suppress(ctx, o, e.act(by))
}

func (e evidenceAPI) Consider(ctx context.Context, a compliance.Attempt, agent string) (compliance.Decision, error) {
	return e.gate.Consider(ctx, a, agent)
}

func (e evidenceAPI) Export(ctx context.Context, w io.Writer) error {
	key, err := auditKey(&e.cfg)
	if err != nil {
		return err
	}
	_, err = e.ledger.Export(ctx, w, e.tenant(), key, func(int64) {})

	return err
}
