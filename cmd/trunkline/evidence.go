package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"trunkline/call"
	"trunkline/compliance"
	"trunkline/compliance/opening"
	"trunkline/compliance/optout"
	"trunkline/config"
	"trunkline/console"
	"trunkline/gate"
	"trunkline/privacy"
	"trunkline/storage/evidence"
	"trunkline/storage/spool"
)

// revocationsBound is the disk space that revocations may take while the
// database is away: some hundred thousand.
const revocationsBound = 64 << 20

// proofsBound is the disk space that proofs may take while the database is away:
// some hundred thousand.
const proofsBound = 256 << 20

// historySegment is half the disk space that history takes at least: one is
// written, and one is ready.
const historySegment = 4 << 20

// openSpools takes the directories in which rows wait for the database.
func (g *gateway) openSpools() error {
	var err error
	bound := int64(g.cfg.Spool.MaxMB) << 20
	if g.history, err = g.openSpool("history", spool.Options{Bound: bound, Segment: historySegment, Reserve: true, Log: g.log}); err != nil {
		return err
	}
	if g.proven, err = g.openSpool("proofs", spool.Options{Bound: proofsBound, Segment: 1 << 20, Reserve: true, Log: g.log}); err != nil {
		return err
	}
	g.revocations, err = g.openSpool("revocations", spool.Options{Bound: revocationsBound, Segment: 1 << 20, Reserve: true, Log: g.log})

	return err
}

func (g *gateway) openSpool(name string, o spool.Options) (*spool.Spool, error) {
	files, err := spool.Directory(filepath.Join(g.cfg.SpoolDir(), name))
	if err != nil {
		if errors.Is(err, spool.ErrBusy) {
			err = fmt.Errorf("%w: a gateway runs already as node %q; stop it, or give this one a node or a state_dir of its own", err, g.cfg.Node)
		}

		return nil, fmt.Errorf("spool.directory: %w", err)
	}
	s, err := spool.Open(files, o)
	if err != nil {
		return nil, err
	}
	g.onStop("the spool of "+name, partStop, func(context.Context) error { return s.Close() })

	return s, nil
}

// openEvidence opens the ledger of a database that is migrated.
func (g *gateway) openEvidence(ctx context.Context) error {
	keys, err := evidenceKeys(&g.cfg)
	if err != nil {
		return err
	}
	g.evidenceKeys = keys
	g.ledger, err = evidence.Open(ctx, g.store, keys, g.cfg.Compliance.Tenant)
	if err != nil {
		return err
	}
	g.onStop("the evidence ledger", partStop, func(context.Context) error {
		g.ledger.Close()

		return nil
	})

	return nil
}

func evidenceKeys(c *config.Config) (*evidence.Keys, error) {
	if text := os.Getenv(config.EvidenceKeyEnv); text != "" {
		k, err := evidence.ParseKeys(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", config.EvidenceKeyEnv, err)
		}

		return k, nil
	}

	return evidence.OpenKeyFile(c.EvidenceKeyFile(), true)
}

// startGate makes what admits outbound calls and takes revocations.
func (g *gateway) startGate(ctx context.Context) error {
	if err := g.openEvidence(ctx); err != nil {
		return err
	}
	var err error
	if g.gate, err = newGate(&g.cfg, g.ledger, g.evidenceKeys, g.revocations, g.judge, g.log); err != nil {
		return err
	}
	if g.duties, err = newDuties(&g.cfg); err != nil {
		return err
	}
	if err := g.gate.Start(); err != nil {
		return err
	}
	g.onStop("the gate", partStop, func(context.Context) error {
		g.gate.Stop()

		return nil
	})
	g.proofs = gate.NewProofs(gate.ProofsConfig{Ledger: g.ledger, Spool: g.proven, Log: g.log})
	g.onStop("the proofs", partStop, func(context.Context) error {
		g.proofs.Stop()

		return nil
	})

	return g.proofs.Start()
}

// newDuties is what calls must say.
func newDuties(c *config.Config) (*gate.Duties, error) {
	rules, err := c.Compliance.LoadRules()
	if err != nil {
		return nil, err
	}
	d := &gate.Duties{
		Rules: rules, Campaigns: map[string]compliance.Campaign{}, Openings: map[string]map[string]opening.Texts{},
		Notices: c.Recording.Notice.Text, Places: c.Recording.Places, Key: c.Compliance.OptOutKey,
	}
	if c.Recording.Notice.Say == "off" {
		d.Silent = c.Recording.Notice.Reason
	}
	for i := range c.Compliance.Campaigns {
		x := &c.Compliance.Campaigns[i]
		d.Campaigns[x.ID] = campaign(x)
		d.Openings[x.ID] = map[string]opening.Texts{}
		for language, own := range x.Opening {
			d.Openings[x.ID][language] = own.Texts()
		}
	}

	return d, nil
}

// prove keeps what a call said at its beginning, and what of it was heard: in the
// ledger, or on disk while the database is away.
func (g *gateway) prove(ctx context.Context, p call.Proof) error {
	detail, err := json.Marshal(p)
	if err != nil {
		return err
	}

	return g.proofs.Prove(ctx, evidence.Act{
		ID: uuid.NewSHA1(p.Call, []byte("opening")), Tenant: g.cfg.Compliance.Tenant, Actor: "trunkline", Role: "gateway",
		Act: "opening", Object: p.Call.String(), At: time.Now(), Detail: detail,
	})
}

// campaign is a configured campaign as the rules know it.
func campaign(x *config.Campaign) compliance.Campaign {
	return compliance.Campaign{
		ID: x.ID, Seller: x.Seller, Active: x.Active, LegalName: x.LegalName, CallbackNumber: privacy.Number(x.CallbackNumber),
		TollFreeOptOut: privacy.Number(x.TollFreeOptOut), RingTimeout: x.RingTimeout, OptOutPolicy: x.OptOutPolicy,
		OpeningSaysAI: x.OpeningSaysAI, Registrations: x.Registrations, EmergencyBasis: x.EmergencyBasis,
		RegistryException: x.RegistryException,
	}
}

// judge decides about an attempt by the facts; nil: by the rules in force.
type judge func(*compliance.Attempt, *compliance.Facts) compliance.Decision

func newGate(c *config.Config, ledger *evidence.Ledger, keys *evidence.Keys, revocations *spool.Spool, judge judge, log *slog.Logger) (*gate.Gate, error) {
	rules, err := c.Compliance.LoadRules()
	if err != nil {
		return nil, err
	}
	if judge == nil {
		judge = func(a *compliance.Attempt, f *compliance.Facts) compliance.Decision {
			return compliance.Decide(a, f, rules)
		}
	}
	out := gate.Config{
		Ledger: ledger, Keys: keys, Revocations: revocations, Tenant: c.Compliance.Tenant,
		Decide:     judge,
		Abandoning: rules.AbandoningOf, Window: rules.LongestWindow(), DialsSince: config.Day(c.Compliance.DialsSince), Clock: gate.KernelClock,
		Campaigns: map[string]compliance.Campaign{}, Voices: map[string]compliance.VoiceLicence{}, Log: log,
	}
	if c.Compliance.Clock == "trusted" {
		out.Clock = gate.TrustedClock
	}
	for i := range c.Compliance.Campaigns {
		x := &c.Compliance.Campaigns[i]
		out.Campaigns[x.ID] = campaign(x)
	}
	for _, x := range c.Compliance.Voices {
		out.Voices[x.Agent] = compliance.VoiceLicence{
			Voice: x.Voice, Licence: x.Licence, SpeakerConsent: x.SpeakerConsent, Sellers: x.Sellers, ExpiresAt: config.Day(x.ExpiresAt),
		}
	}

	return gate.New(out)
}

// recordAct puts into the ledger what somebody asked for by the API.
func (g *gateway) recordAct(ctx context.Context, a console.Act) error {
	return g.ledger.RecordAct(ctx, g.act(a))
}

// act is how the ledger knows an act.
func (g *gateway) act(a console.Act) evidence.Act {
	return evidence.Act{
		ID: uuid.Must(uuid.NewV7()), Tenant: g.cfg.Compliance.Tenant, Actor: cmp.Or(a.Actor, "unknown"), Role: string(a.Role),
		Act: a.What, Object: a.Object, At: a.At,
	}
}

// revoke stores what a person said in a call who does not want such calls.
func (g *gateway) revoke(ctx context.Context, w call.Wish) error {
	o := evidence.Order{
		Key: w.Call.String() + "/" + string(w.Class), Number: w.Number, Seller: w.Seller, Campaign: w.Campaign,
		Cause: string(w.Class), Words: w.Words, At: w.At, Call: w.Call,
	}
	for _, c := range g.cfg.Compliance.Campaigns {
		if c.ID == w.Campaign {
			o.Seller = cmp.Or(o.Seller, c.Seller)
		}
	}
	switch w.Class {
	case optout.WrongNumber:
		o.Scope = compliance.ScopeEverything
	case optout.Ambiguous:
		o.Scope = compliance.ScopeMarketing
	default:
		o.Scope = compliance.ScopeSeller // the Gate widens it where the seller is not known
	}

	return g.gate.Revoke(ctx, o)
}

// optOut is the order of a caller who said that they want no more calls. Of
// which of the tenant's sellers is not known, so it is of all.
func optOut(key string, call uuid.UUID, number privacy.Number, words privacy.Words) evidence.Order {
	return evidence.Order{
		Key: key, Number: number, Scope: compliance.ScopeTenant, Cause: "opt_out", Words: words, At: time.Now(), Call: call,
	}
}
