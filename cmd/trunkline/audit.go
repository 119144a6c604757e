package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"trunkline/compliance"
	"trunkline/config"
	"trunkline/privacy"
	"trunkline/storage/evidence/bundle"
	"trunkline/storage/spool"
)

// auditCmd exports evidence, and checks what was exported.
type auditCmd struct {
	Export auditExportCmd `cmd:"" help:"Write the evidence to a signed file that proves itself."`
	Verify auditVerifyCmd `cmd:"" help:"Check such a file; needs neither database nor network."`

	Recheck auditRecheckCmd `cmd:"" help:"Check the chain of the evidence where it stands, in the database."`
}

type auditRecheckCmd struct{}

func (a *auditRecheckCmd) Run(ctx context.Context, c *cli, std *streams) error {
	return c.withLedger(ctx, std, "audit recheck", "", func(g *gateway) error {
		head, err := g.ledger.Recheck(ctx, g.cfg.Compliance.Tenant, func(n int64) { fmt.Fprintf(std.err, "\r%d entries", n) })
		fmt.Fprintln(std.err)
		if err == nil {
			fmt.Fprintf(std.out, "the chain of tenant %s is whole: %d entries, head %s\n", head.Tenant, head.Entries, head.Hash)
		}

		return err
	})
}

type auditExportCmd struct {
	Out string `arg:"" help:"The file to make; - is standard output."`
	All bool   `help:"Of all tenants, not only the configured one."`
}

func (a *auditExportCmd) Run(ctx context.Context, c *cli, std *streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	key, err := auditKey(&cfg) // before the file is made, which would be empty without it
	if err != nil {
		return err
	}
	out, err := target(a.Out, std)
	if err != nil {
		return err
	}
	err = c.withLedger(ctx, std, "audit export", "", func(g *gateway) error {
		tenant := g.cfg.Compliance.Tenant
		if a.All {
			tenant = ""
		}
		heads, err := g.ledger.Export(ctx, out, tenant, key, func(n int64) { fmt.Fprintf(std.err, "\r%d entries", n) })
		if err != nil {
			return err
		}
		for _, h := range heads {
			fmt.Fprintf(std.err, "tenant %s: %d entries, head %s\n", h.Tenant, h.Seq, h.Hash)
		}
		public, _ := key.Public().(ed25519.PublicKey)
		fmt.Fprintf(std.err, "signed by %s\n", base64.StdEncoding.EncodeToString(public))

		return nil
	})

	return errors.Join(err, out.Close())
}

// auditKey reads the key that signs exports.
func auditKey(c *config.Config) (ed25519.PrivateKey, error) {
	if text := os.Getenv(config.AuditKeyEnv); text != "" {
		key, err := bundle.ParseKey(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", config.AuditKeyEnv, err)
		}

		return key, nil
	}
	if c.Compliance.AuditKeyFile == "" {
		return nil, fmt.Errorf("there is no key that signs exports: set compliance.audit_key_file or %s", config.AuditKeyEnv)
	}

	return bundle.OpenKeyFile(c.Compliance.AuditKeyFile)
}

type auditVerifyCmd struct {
	File string `arg:"" help:"The file; - is standard input."`
	Key  string `help:"The public key that must have signed it, as audit export printed it." placeholder:"BASE64"`
}

func (a *auditVerifyCmd) Run(std *streams) error {
	in, err := input(a.File, std)
	if err != nil {
		return err
	}
	defer in.Close() // only read
	var key ed25519.PublicKey
	if a.Key != "" {
		if key, err = bundle.ParsePublicKey(a.Key); err != nil {
			return usageError("--key: " + err.Error())
		}
	}
	r, err := bundle.Verify(in, key)
	if err != nil {
		return fmt.Errorf("%s is broken: %w", a.File, err)
	}
	fmt.Fprintf(std.out, "%s is whole: made at %s, signed by %s\n", a.File, r.MadeAt.Format(time.RFC3339), base64.StdEncoding.EncodeToString(r.Key))
	for _, h := range r.Heads {
		fmt.Fprintf(std.out, "tenant %s: %d entries, head %s\n", h.Tenant, h.Seq, h.Hash)
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
		fmt.Fprintf(std.out, "%8d %s\n", r.Kinds[kind], kind)
	}
	if key == nil {
		fmt.Fprintln(std.out, "compare the signing key with the one you trust, or give it with --key")
	}

	return nil
}

// decideCmd makes a dry decision.
type decideCmd struct {
	Number   e164      `arg:"" help:"Whom to call, as +12125550123."`
	Purpose  string    `help:"Why: ${purposes}; any other word is judged as telemarketing." placeholder:"WORD"`
	Agent    string    `help:"The agent that would speak." placeholder:"NAME"`
	Campaign string    `help:"The campaign that the call would belong to." placeholder:"ID"`
	Seller   string    `help:"On whose behalf; the campaign's, if not given." placeholder:"NAME"`
	Subject  string    `help:"What the call would be about." placeholder:"WORD"`
	From     string    `help:"Caller ID." placeholder:"NUMBER"`
	Line     string    `help:"The person's line: wireless, landline or voip; what is not known is judged as wireless." placeholder:"WORD"`
	State    string    `help:"State of the person's address, two letters." placeholder:"XX"`
	At       time.Time `help:"When; now, if not given." placeholder:"TIME"`
	Record   bool      `help:"Record the decision. Nothing is dialed by it."`
}

// errDenied makes the command fail after its reasons are printed.
var errDenied = errors.New("the call is not allowed")

func (d *decideCmd) Run(ctx context.Context, c *cli, std *streams) error {
	g, release, err := c.openLedger(ctx, std)
	if err != nil {
		return err
	}
	decision, err := d.decide(ctx, g)
	if err := errors.Join(err, release()); err != nil {
		return err
	}
	rules, err := g.cfg.Compliance.LoadRules()
	if err != nil {
		return err
	}
	printReasons(std.out, &decision, rules.All())
	fmt.Fprintf(std.out, "judged as %s to a %s line in %v, zones %v, by %s\n", decision.Purpose, decision.Line, decision.States, decision.Zones, decision.RulesetVersion)
	if !decision.Allow {
		return errDenied
	}
	fmt.Fprintf(std.out, "allowed until %s\n", decision.ValidUntil().Format(time.RFC3339))

	return nil
}

// printReasons prints each reason, and of what denies what it rests on.
func printReasons(out io.Writer, d *compliance.Decision, rules []compliance.Rule) {
	for i := range d.Reasons {
		r := &d.Reasons[i]
		fmt.Fprintf(out, "%-5s %-34s %s\n", r.Verdict, r.Rule, r.Why)
		n := slices.IndexFunc(rules, func(rule compliance.Rule) bool { return rule.ID == r.Rule })
		if r.Verdict != compliance.Deny || n < 0 {
			continue
		}
		fmt.Fprintf(out, "      by %s (%s; %s)\n", rules[n].Citation, rules[n].Confidence, rules[n].ReviewedBy)
		if rules[n].SourceURL != "" {
			fmt.Fprintf(out, "      see %s\n", rules[n].SourceURL)
		}
	}
}

func (d *decideCmd) decide(ctx context.Context, g *gateway) (compliance.Decision, error) {
	// What waits in a running gateway's spool is that gateway's to read.
	dir, err := os.MkdirTemp("", "trunkline-decide")
	if err != nil {
		return compliance.Decision{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // in the system's directory for such files
	files, err := spool.Directory(dir)
	if err != nil {
		return compliance.Decision{}, err
	}
	empty, err := spool.Open(files, spool.Options{})
	if err != nil {
		return compliance.Decision{}, err
	}
	defer func() { _ = empty.Close() }() // nothing is in it
	judge, err := newGate(&g.cfg, g.ledger, g.evidenceKeys, empty, nil, g.log)
	if err != nil {
		return compliance.Decision{}, err
	}
	a := compliance.Attempt{
		Seller: d.Seller, Campaign: d.Campaign, Subject: d.Subject, To: d.Number.is(), From: privacy.Number(d.From),
		Purpose: compliance.Purpose(d.Purpose), Line: compliance.LineType(d.Line), At: d.At,
	}
	if a.At.IsZero() {
		a.At = time.Now()
	}
	if d.State != "" {
		a.Hints = []compliance.Hint{{Source: compliance.FromAddress, State: d.State}}
	}
	if !d.Record {
		return judge.Consider(ctx, a, d.Agent)
	}
	r, err := judge.Record(ctx, a, d.Agent)

	return r.Decision, err
}
