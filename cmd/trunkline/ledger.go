package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/google/uuid"

	"trunkline/compliance"
	"trunkline/privacy"
	"trunkline/storage/evidence"
)

// e164 is a telephone number on a command line. Another way of writing it would
// be another number to the evidence.
type e164 string

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *e164) UnmarshalText(text []byte) error {
	digits, ok := strings.CutPrefix(string(text), "+")
	if !ok || len(digits) < 7 || len(digits) > 15 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return fmt.Errorf("%q is no telephone number: write it with its country code, as +12125550123", text)
	}
	*n = e164(text)

	return nil
}

func (n *e164) is() privacy.Number { return privacy.Number(*n) }

// openLedger opens the evidence of the configured database, which it migrates.
func (c *cli) openLedger(ctx context.Context, std *streams) (g *gateway, release func() error, err error) {
	cfg, err := c.load()
	if err != nil {
		return nil, nil, err
	}
	cfg.Log.Level = quiet
	g = &gateway{cfg: cfg, log: newLogger(&cfg, std)}
	err = g.openDatabase(ctx)
	if err == nil {
		_, err = g.store.Migrate(ctx)
	}
	if err == nil {
		err = g.openEvidence(ctx)
	}
	if err != nil {
		return nil, nil, errors.Join(err, g.stop(ctx))
	}

	return g, func() error { return g.stop(context.WithoutCancel(ctx)) }, nil
}

// acted puts into the ledger what a command did, in the name of the account
// that runs it.
func (g *gateway) acted(ctx context.Context, act, object string) error {
	actor := "unknown"
	if u, err := user.Current(); err == nil {
		actor = u.Username
	}

	return g.ledger.RecordAct(ctx, evidence.Act{
		ID: uuid.Must(uuid.NewV7()), Tenant: g.cfg.Compliance.Tenant, Actor: actor, Role: "command line", Act: act, Object: object, At: time.Now(),
	})
}

// withLedger runs do with the evidence, and records what it did when it
// succeeds.
func (c *cli) withLedger(ctx context.Context, std *streams, act, object string, do func(*gateway) error) error {
	g, release, err := c.openLedger(ctx, std)
	if err != nil {
		return err
	}
	err = do(g)
	if err == nil && act != "" {
		err = g.acted(ctx, act, object)
	}

	return errors.Join(err, release())
}

// lines is a file that a command takes into the ledger, line by line.
type lines struct {
	file, rejects string // - is standard input; rejects empty: to the terminal
	act, object   string // what the ledger is told of it
}

// importLines runs do with the evidence and the file's lines.
func (c *cli) importLines(ctx context.Context, std *streams, l lines, do func(g *gateway, in io.Reader, left *rejects) error) error {
	in, err := input(l.file, std)
	if err != nil {
		return err
	}
	defer in.Close() // only read
	left, done, err := openRejects(l.rejects, std)
	if err != nil {
		return err
	}
	err = c.withLedger(ctx, std, l.act, l.object, func(g *gateway) error { return do(g, in, left) })

	return errors.Join(err, done())
}

// rejects writes lines of a file that were left out; nil: the first few go to
// the terminal.
type rejects struct {
	out   io.Writer
	std   *streams
	count int
}

// shownRejects is how many are shown when there is no file for them.
const shownRejects = 10

func (r *rejects) line(n int, why string) {
	r.count++
	switch {
	case r.out != nil:
		fmt.Fprintf(r.out, "%d\t%s\n", n, why)
	case r.count <= shownRejects:
		fmt.Fprintf(r.std.err, "line %d: %s\n", n, why)
	}
}

// unseen is an error where lines were left out that no file has, or where they
// were all that there was: whoever runs the command unattended would not know.
func (r *rejects) unseen(taken bool) error {
	if r.count == 0 || (r.out != nil && taken) {
		return nil
	}

	return fmt.Errorf("%d lines were left out: correct them and import them again (--rejects FILE writes all of them down)", r.count)
}

// openRejects opens the file for them, when there is one.
func openRejects(path string, std *streams) (*rejects, func() error, error) {
	r := &rejects{std: std}
	if path == "" {
		return r, func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, nil, err
	}
	r.out = f

	return r, f.Close, nil
}

// dncCmd works on do-not-call lists.
type dncCmd struct {
	Import dncImportCmd `cmd:"" help:"Make a file of numbers the newest version of a do-not-call list."`
	Add    dncAddCmd    `cmd:"" help:"Never call a number again."`
	Lift   dncLiftCmd   `cmd:"" help:"End the suppressions of a number whose owner gave a consent later."`
}

type dncImportCmd struct {
	List       string    `required:"" help:"Which list: national, state:TX, internal or litigator." placeholder:"LIST"`
	File       string    `arg:"" help:"One number a line; - is standard input."`
	Account    string    `help:"Subscription (SAN) by which it was obtained." placeholder:"SAN"`
	ObtainedAt time.Time `help:"When it was downloaded, as 2026-01-31T10:00:00Z or 2026-01-31; now, if not given." placeholder:"TIME"`
	AreaCodes  []string  `help:"Area codes that it covers; those in the file, if not given." placeholder:"NPA"`
	Everywhere bool      `help:"It covers every area code."`
	Rejects    string    `help:"Write lines that are no number here." placeholder:"FILE" type:"path"`
}

func (d *dncImportCmd) Run(ctx context.Context, c *cli, std *streams) error {
	kind, state, _ := strings.Cut(d.List, ":")
	list := evidence.List{
		Kind: compliance.ListKind(kind), State: state, Account: d.Account, ObtainedAt: d.ObtainedAt, AreaCodes: d.AreaCodes, Everywhere: d.Everywhere,
	}
	switch list.Kind {
	case compliance.NationalList, compliance.StateList, compliance.InternalList, compliance.LitigatorList:
	default:
		return usageError(fmt.Sprintf("--list %q is not known; use national, state:TX, internal or litigator", d.List))
	}
	if list.ObtainedAt.IsZero() {
		list.ObtainedAt = time.Now()
	}
	far := false
	list.Progress = func(n int64) {
		far = true
		fmt.Fprintf(std.err, "\r%d numbers read", n)
	}
	began := time.Now()

	return c.importLines(ctx, std, lines{file: d.File, rejects: d.Rejects, act: "dnc import", object: d.List}, func(g *gateway, in io.Reader, left *rejects) error {
		list.Tenant, list.Rejected = g.cfg.Compliance.Tenant, left.line
		s, n, err := g.ledger.ImportList(ctx, list, in)
		if far {
			fmt.Fprintln(std.err)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(std.out, "%s: %d numbers in %s, %d lines rejected; version %s, SHA-256 %s\n",
			d.List, n, time.Since(began).Round(100*time.Millisecond), left.count, s.ID, s.SHA256)

		return left.unseen(n > 0)
	})
}

// input opens a file to read; - is standard input.
func input(path string, std *streams) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(std.in), nil
	}

	return os.Open(path)
}

// target makes a file to write; - is standard output.
func target(path string, std *streams) (io.WriteCloser, error) {
	if path == "-" {
		return stay{std.out}, nil
	}

	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// stay is a writer that is not ours to close.
type stay struct{ io.Writer }

func (stay) Close() error { return nil }

type dncAddCmd struct {
	Number e164   `arg:"" help:"Telephone number, as +12125550123."`
	Cause  string `help:"Why: opt_out, wrong_number, complaint, or a word of your own." default:"internal_list" placeholder:"WORD"`
	Scope  string `help:"What it stops: everything, tenant, seller, marketing or campaign." default:"tenant" enum:"everything,tenant,seller,marketing,campaign" placeholder:"SCOPE"`

	Seller   string `help:"Of the scopes seller and marketing." placeholder:"NAME"`
	Campaign string `help:"Of the scope campaign." placeholder:"ID"`
}

func (d *dncAddCmd) Run(ctx context.Context, c *cli, std *streams) error {
	switch scope := compliance.Scope(d.Scope); {
	case d.Seller == "" && (scope == compliance.ScopeSeller || scope == compliance.ScopeMarketing):
		return usageError("--scope " + d.Scope + " needs --seller")
	case d.Campaign == "" && scope == compliance.ScopeCampaign:
		return usageError("--scope campaign needs --campaign")
	}

	return c.withLedger(ctx, std, "dnc add", d.Cause, func(g *gateway) error {
		s, err := g.evidenceKeys.Suppression(evidence.Order{
			Key: uuid.NewString(), Tenant: g.cfg.Compliance.Tenant, Number: d.Number.is(), Scope: compliance.Scope(d.Scope),
			Seller: d.Seller, Campaign: d.Campaign, Cause: d.Cause, At: time.Now(),
		})
		if err == nil {
			err = g.ledger.Suppress(ctx, s)
		}
		if err == nil {
			fmt.Fprintf(std.out, "%s is never called again (suppression %s)\n", d.Number, s.ID)
		}

		return err
	})
}

type dncLiftCmd struct {
	Number  e164      `arg:"" help:"Telephone number, as +12125550123."`
	Consent uuid.UUID `required:"" help:"Id of the consent that its owner gave later." placeholder:"ID"`
}

func (d *dncLiftCmd) Run(ctx context.Context, c *cli, std *streams) error {
	return c.withLedger(ctx, std, "dnc lift", d.Consent.String(), func(g *gateway) error {
		n, err := g.ledger.Lift(ctx, g.cfg.Compliance.Tenant, d.Number.is(), d.Consent)
		if err == nil {
			fmt.Fprintf(std.out, "%d suppressions ended\n", n)
		}

		return err
	})
}

// consentCmd works on consents.
type consentCmd struct {
	Import consentImportCmd `cmd:"" help:"Record consents from a file, one JSON object a line."`
	Export consentExportCmd `cmd:"" help:"Write all consents to a file, in the same form."`
	Show   consentShowCmd   `cmd:"" help:"Show the consents of a number."`
	Revoke consentRevokeCmd `cmd:"" help:"Record that a consent was taken back."`
}

type consentImportCmd struct {
	File    string `arg:"" help:"The file; - is standard input."`
	Rejects string `help:"Write lines that are left out here, with the reason." placeholder:"FILE" type:"path"`
}

func (d *consentImportCmd) Run(ctx context.Context, c *cli, std *streams) error {
	return c.importLines(ctx, std, lines{file: d.File, rejects: d.Rejects, act: "consent import"}, func(g *gateway, in io.Reader, left *rejects) error {
		n, err := g.ledger.ImportConsents(ctx, g.cfg.Compliance.Tenant, in, left.line)
		fmt.Fprintf(std.out, "%d consents recorded, %d lines rejected\n", n, left.count)
		if err != nil {
			return err
		}

		return left.unseen(n > 0)
	})
}

type consentExportCmd struct {
	Out string `short:"o" default:"-" help:"Where to; - is standard output." placeholder:"FILE"`
}

func (d *consentExportCmd) Run(ctx context.Context, c *cli, std *streams) error {
	_, err := exportConsents(ctx, c, std, "", d.Out, "consent export")

	return err
}

type consentShowCmd struct {
	Number e164 `arg:"" help:"Telephone number, as +12125550123."`
}

func (d *consentShowCmd) Run(ctx context.Context, c *cli, std *streams) error {
	n, err := exportConsents(ctx, c, std, d.Number.is(), "-", "consent show")
	if err == nil && n == 0 {
		fmt.Fprintf(std.err, "there is no consent of %s\n", d.Number)
	}

	return err
}

// exportConsents writes the consents of a number, or of all, and counts them.
func exportConsents(ctx context.Context, c *cli, std *streams, number privacy.Number, path, act string) (n int, err error) {
	out, err := target(path, std)
	if err != nil {
		return 0, err
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	err = c.withLedger(ctx, std, act, "", func(g *gateway) error {
		return g.ledger.EachConsent(ctx, g.cfg.Compliance.Tenant, number, func(c evidence.Consent) error {
			n++

			return enc.Encode(c)
		})
	})

	return n, errors.Join(err, out.Close())
}

type consentRevokeCmd struct {
	ID     uuid.UUID `arg:"" help:"Of the consent."`
	Method string    `help:"How it was taken back." default:"command line" placeholder:"WORDS"`
}

func (d *consentRevokeCmd) Run(ctx context.Context, c *cli, std *streams) error {
	return c.withLedger(ctx, std, "consent revoke", d.ID.String(), func(g *gateway) error {
		err := g.ledger.RevokeConsent(ctx, g.cfg.Compliance.Tenant, d.ID, time.Now(), d.Method)
		if err == nil {
			fmt.Fprintf(std.out, "consent %s is taken back\n", d.ID)
		}

		return err
	})
}

// callerIDCmd works on the numbers that calls may show.
type callerIDCmd struct {
	Add callerIDAddCmd `cmd:"" help:"Record the right to show a number as caller ID."`
}

type callerIDAddCmd struct {
	Number    e164      `arg:"" help:"Telephone number, as +12125550123."`
	Seller    string    `required:"" help:"On whose calls it may stand." placeholder:"NAME"`
	Proof     string    `required:"" help:"Id of the document that proves the right." placeholder:"ID"`
	ValidFrom time.Time `help:"From when on; now, if not given." placeholder:"TIME"`
	ValidTo   time.Time `help:"Until when; open, if not given." placeholder:"TIME"`
	Answered  bool      `help:"Calls to it reach us and may opt out."`
}

func (d *callerIDAddCmd) Run(ctx context.Context, c *cli, std *streams) error {
	return c.withLedger(ctx, std, "caller-id add", string(d.Number), func(g *gateway) error {
		from := d.ValidFrom
		if from.IsZero() {
			from = time.Now()
		}

		err := g.ledger.AddCallerID(ctx, g.cfg.Compliance.Tenant, compliance.CallerID{
			Number: d.Number.is(), Seller: d.Seller, Proof: d.Proof, ValidFrom: from, ValidTo: d.ValidTo, Answered: d.Answered,
		})
		switch {
		case err != nil:
		case !d.Answered:
			fmt.Fprintf(std.out, "recorded: calls for %s may show %s; rules that want the number to be answered still deny (--answered)\n", d.Seller, d.Number)
		default:
			fmt.Fprintf(std.out, "recorded: calls for %s may show %s\n", d.Seller, d.Number)
		}

		return err
	})
}

// reassignedCmd works on answers of the Reassigned Numbers Database.
type reassignedCmd struct {
	Add reassignedAddCmd `cmd:"" help:"Record an answer of the Reassigned Numbers Database."`
}

type reassignedAddCmd struct {
	Number    e164      `arg:"" help:"Telephone number, as +12125550123."`
	Answer    string    `required:"" enum:"no,yes,no_data" help:"What it said: no, yes or no_data." placeholder:"WORD"`
	Since     time.Time `required:"" help:"The date that was asked about." placeholder:"TIME"`
	QueriedAt time.Time `help:"When it was asked; now, if not given." placeholder:"TIME"`
}

func (d *reassignedAddCmd) Run(ctx context.Context, c *cli, std *streams) error {
	return c.withLedger(ctx, std, "reassigned add", d.Answer, func(g *gateway) error {
		at := d.QueriedAt
		if at.IsZero() {
			at = time.Now()
		}

		err := g.ledger.AddReassigned(ctx, g.cfg.Compliance.Tenant, evidence.Reassigned{
			Number:           d.Number.is(),
			ReassignedResult: compliance.ReassignedResult{Answer: compliance.ReassignedAnswer(d.Answer), QueriedAt: at, AskedSince: d.Since},
		})
		if err == nil {
			fmt.Fprintf(std.out, "recorded: whether %s has a new owner since %s was answered %s\n", d.Number, d.Since.Format(time.DateOnly), d.Answer)
		}

		return err
	})
}
