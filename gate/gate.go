package gate

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"trunkline/call"
	"trunkline/compliance"
	"trunkline/privacy"
	"trunkline/storage/evidence"
	"trunkline/storage/spool"
)

// Config is what a Gate works with.
type Config struct {
	Ledger *evidence.Ledger
	Keys   *evidence.Keys
	// Revocations takes those that the database does not. The Gate is its one
	// consumer and does not close it.
	Revocations *spool.Spool

	Tenant string
	// Decide judges an attempt by the rules in force, and Window is how far
	// back they look.
	Decide    func(*compliance.Attempt, *compliance.Facts) compliance.Decision
	Window    time.Duration
	Campaigns map[string]compliance.Campaign     // by id
	Voices    map[string]compliance.VoiceLicence // of the agents, by the agent's name
	// Abandoning is what the rules ask about calls of an attempt's campaign that
	// nobody speaks in; nil: nothing.
	Abandoning func(*compliance.Attempt) compliance.AbandonmentCap
	// DialsSince is from when on every dial is in the records; zero: unknown.
	DialsSince time.Time
	// Clock tells how far this machine's clock is from true time.
	Clock func() compliance.Fact[time.Duration]

	Timeout time.Duration // of writing a revocation into the database; 2 s
	Retry   time.Duration // between attempts to write those of the spool; 1 s
	Log     *slog.Logger  // nil discards
}

// Gate implements call.Gate. It is safe for concurrent use.
type Gate struct {
	cfg    Config
	behind behind // writes the revocations of the spool
	counts counts

	mu      sync.Mutex
	parties map[evidence.Callee]*party       // those of whom something is to be remembered
	leaving map[evidence.Callee][]*departure // calls that are between the last look and the wire
	ringing map[evidence.Callee][]*watch
	listens listener
	alarmed map[string]bool // campaigns of which somebody was told
}

// party is what the Gate remembers of a called party.
type party struct {
	// revoked are the revocations that the database may not have yet. Of the others
	// it knows better: they may be lifted.
	revoked  []compliance.Suppression
	deciding int    // admissions that are on their way
	came     uint64 // how many revocations came while one was
}

// New makes a Gate that knows the revocations that wait in the spool.
func New(cfg Config) (*Gate, error) {
	cfg.Timeout = cmp.Or(cfg.Timeout, 2*time.Second)
	cfg.Retry = cmp.Or(cfg.Retry, time.Second)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	g := &Gate{
		cfg: cfg, parties: map[evidence.Callee]*party{},
		leaving: map[evidence.Callee][]*departure{}, ringing: map[evidence.Callee][]*watch{},
		alarmed: map[string]bool{},
	}
	g.behind = behind{
		what: "revocations", spool: cfg.Revocations, retry: cfg.Retry, log: cfg.Log, write: g.write, bound: 5 * cfg.Timeout,
		wake: make(chan struct{}, 1),
	}
	g.counts.count = cfg.Ledger.Abandoned
	records, err := cfg.Revocations.Next(cfg.Revocations.Stats().Waiting)
	if err != nil {
		return nil, fmt.Errorf("read the revocations that wait: %w", err)
	}
	waiting := g.decode(records)
	for i := range waiting {
		g.remember(&waiting[i].Suppression)
	}

	return g, nil
}

// Admit implements call.Gate.
func (g *Gate) Admit(ctx context.Context, a call.Attempt) (call.Admission, error) {
	attempt := g.attempt(&a)
	replaces := a.Again
	p, done := g.decide(a.To)
	defer done()
	for {
		before := g.came(p)
		now := time.Now()
		attempt.At = now.UTC()
		c := g.about(attempt, a.Agent)
		c.Call, c.Replaces = a.Call, replaces
		c.Facts.Abandonment = g.abandonment(ctx, &attempt, g.counts.recent)
		r, err := g.cfg.Ledger.Decide(ctx, c, func(f *compliance.Facts) compliance.Decision { return g.cfg.Decide(&attempt, f) })
		if err != nil {
			return call.Admission{}, err
		}
		// A revocation that came in the meantime is not in the facts. What denies is
		// to stand in the ledger as well, so it is decided again.
		if r.Decision.Allow && g.came(p) != before {
			replaces = r.Attempt

			continue
		}
		// Of now, and not of the decision's time on the wall: that clock may be set
		// back before the call leaves.
		expires := now.Add(r.Decision.ValidFor)
		out := call.Admission{Decision: r.ID, Attempt: r.Attempt, Allowed: r.Decision.Allow, Expires: expires}
		for _, why := range r.Decision.Denials() {
			out.Reasons = append(out.Reasons, why.Rule+": "+why.Why)
		}

		return out, nil
	}
}

// attempt is what the rules see of a call.
func (g *Gate) attempt(a *call.Attempt) compliance.Attempt {
	attempt := compliance.Attempt{
		Tenant: g.cfg.Tenant, Seller: a.Seller, Campaign: a.Campaign, Subject: a.Subject, To: a.To, From: a.From,
		Purpose: compliance.Purpose(a.Purpose), Voice: g.cfg.Voices[a.Agent].Voice,
	}
	attempt.Line, attempt.Expected, attempt.Hints = compliance.LineType(a.Callee.Line), a.Callee.Expected, hints(&a.Callee)
	attempt.Seller = cmp.Or(attempt.Seller, g.cfg.Campaigns[a.Campaign].Seller)

	return attempt
}

// hints are what is known of where a person is.
func hints(c *call.Callee) (all []compliance.Hint) {
	if c.State != "" {
		all = append(all, compliance.Hint{Source: compliance.FromAddress, State: c.State})
	}
	if c.Zone != "" {
		all = append(all, compliance.Hint{Source: compliance.FromPerson, Zone: c.Zone})
	}

	return all
}

// Consider judges an attempt without a record of it and without a dial. agent
// names the agent whose voice would speak.
func (g *Gate) Consider(ctx context.Context, attempt compliance.Attempt, agent string) (compliance.Decision, error) {
	g.complete(&attempt, agent)
	c := g.about(attempt, agent)
	c.Facts.Abandonment = g.abandonment(ctx, &attempt, g.counts.now)

	return g.cfg.Ledger.Consider(ctx, c, func(f *compliance.Facts) compliance.Decision { return g.cfg.Decide(&attempt, f) })
}

// Record is Consider with a record of the decision. Nothing may be dialed by
// it: an allowed attempt is not recorded.
func (g *Gate) Record(ctx context.Context, attempt compliance.Attempt, agent string) (evidence.Ruling, error) {
	g.complete(&attempt, agent)
	c := g.about(attempt, agent)
	c.Facts.Abandonment = g.abandonment(ctx, &attempt, g.counts.now)

	return g.cfg.Ledger.Judge(ctx, c, func(f *compliance.Facts) compliance.Decision { return g.cfg.Decide(&attempt, f) })
}

func (g *Gate) complete(a *compliance.Attempt, agent string) {
	a.Tenant = cmp.Or(a.Tenant, g.cfg.Tenant)
	a.Seller = cmp.Or(a.Seller, g.cfg.Campaigns[a.Campaign].Seller)
	a.Voice = cmp.Or(a.Voice, g.cfg.Voices[agent].Voice)
}

// about gives the facts that are not in the database.
func (g *Gate) about(a compliance.Attempt, agent string) evidence.Case {
	c := evidence.Case{Attempt: a, Since: a.At.Add(-g.cfg.Window)}
	c.Facts.ClockOffset = g.cfg.Clock()
	c.Facts.Suppressions.Value = g.revocations(a)
	c.Facts.History.Value.Since = g.cfg.DialsSince
	c.Facts.Campaign = compliance.Unknown[compliance.Campaign](fmt.Sprintf("no campaign %q is configured (compliance.campaigns)", a.Campaign))
	if campaign, ok := g.cfg.Campaigns[a.Campaign]; ok {
		c.Facts.Campaign = compliance.Know(campaign)
	}
	c.Facts.Voice = compliance.Unknown[compliance.VoiceLicence](fmt.Sprintf("no licence of the voice of agent %q is configured (compliance.voices)", agent))
	if voice, ok := g.cfg.Voices[agent]; ok {
		c.Facts.Voice = compliance.Know(voice)
	}

	return c
}

// decide notes that an admission about a number begins, until done is called.
func (g *Gate) decide(to privacy.Number) (p *party, done func()) {
	of := g.cfg.Keys.Callee(to)
	g.mu.Lock()
	defer g.mu.Unlock()
	p = g.party(of)
	p.deciding++

	return p, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		p.deciding--
		g.tidy(of)
	}
}

// came tells how many revocations have come while the party's admissions were on
// their way.
func (g *Gate) came(p *party) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()

	return p.came
}

// revocations are those of this process for the called party that the database
// may not have.
func (g *Gate) revocations(a compliance.Attempt) []compliance.Suppression {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.parties[g.cfg.Keys.Callee(a.To)]; p != nil {
		return slices.Clone(p.revoked)
	}

	return nil
}

// remember makes this node deny dials from now on.
func (g *Gate) remember(s *evidence.Suppression) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.party(s.Callee)
	p.came++
	if !slices.ContainsFunc(p.revoked, isOf(s)) {
		p.revoked = append(p.revoked, s.Fact())
	}
}

// stored leaves a revocation to the database, which has it.
func (g *Gate) stored(s *evidence.Suppression) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.parties[s.Callee]; p != nil {
		p.revoked = slices.DeleteFunc(p.revoked, isOf(s))
		g.tidy(s.Callee)
	}
}

func isOf(s *evidence.Suppression) func(compliance.Suppression) bool {
	return func(f compliance.Suppression) bool { return f.ID == s.ID.String() }
}

// party is made when it is not known; mu is held.
func (g *Gate) party(of evidence.Callee) *party {
	if g.parties[of] == nil {
		g.parties[of] = &party{}
	}

	return g.parties[of]
}

// tidy forgets a party of whom nothing is to be remembered; mu is held.
func (g *Gate) tidy(of evidence.Callee) {
	if p := g.parties[of]; p != nil && p.deciding == 0 && len(p.revoked) == 0 {
		delete(g.parties, of)
	}
}
