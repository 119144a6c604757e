package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"

	"trunkline/call"
	"trunkline/compliance"
	"trunkline/config"
	"trunkline/demo"
	"trunkline/media/clock"
	"trunkline/softphone"
	"trunkline/storage/evidence"
	"trunkline/twilio/carrier"
)

// What the demo's account with the simulated carrier is called.
const (
	demoAccount  = "demo"
	demoHost     = "demo.trunkline.example" // public name of the gateway; RFC 2606: nobody's
	demoTokenEnv = "TRUNKLINE_DEMO_TOKEN"   //nolint:gosec // the name of the variable, not the secret
	demoNumber   = "+12025550100"           // the account's; fictitious, as is the next one
	demoPerson   = "+12025550199"
)

// demoDelay is how far away the simulated carrier is, each way.
const demoDelay = 15 * time.Millisecond

// simulated is a carrier like Twilio on loopback, with one telephone.
type simulated struct {
	*carrier.Carrier

	phone *demo.Phone
	clock *clock.Clock // of who holds the telephone
}

// startSimulated starts the carrier.
func startSimulated() (*simulated, error) {
	s := &simulated{phone: demo.NewPhone(), clock: clock.New(clock.Options{Shards: 1})}
	base := "https://" + demoHost + "/" + demoAccount
	s.Carrier = carrier.New(carrier.Options{
		Numbers: []carrier.Number{{
			Number: demoNumber, VoiceURL: base + "/voice", VoiceFallbackURL: base + "/fallback", StatusCallback: base + "/status",
		}},
		Phone: func(string) carrier.Phone { return s.phone.Set() },
		Delay: demoDelay, Jitter: 5 * time.Millisecond, Seed: 1,
	})
	if err := s.clock.Start(); err != nil {
		return nil, err
	}
	if err := s.Start(); err != nil {
		s.stop()

		return nil, err
	}

	return s, nil
}

func (s *simulated) stop() {
	s.Stop()
	s.clock.Stop()
}

// configure has the gateway be reached by the carrier.
func (s *simulated) configure(c *config.Config) error {
	if err := os.Setenv(demoTokenEnv, s.AuthToken()); err != nil {
		return err
	}
	c.Twilio = config.Twilio{
		Listen: "127.0.0.1:0", PublicURL: "https://" + demoHost,
		Accounts: []config.TwilioAccount{{
			Name: demoAccount, Carrier: "twilio", Agent: c.SIP.Trunks[0].Agent, AccountSID: s.AccountSID(),
			AuthTokenEnv: demoTokenEnv, API: s.URL(), CallsPerSecond: 1, Numbers: []string{demoNumber},
		}},
	}
	c.Routes.Outbound = []config.OutboundRoute{{
		Name: demoAccount, Door: "twilio", Trunk: demoAccount, CallerIDs: []string{demoNumber}, Agent: c.SIP.Trunks[0].Agent,
	}}

	return nil
}

// demoDecision is what the demo's gate judges by in place of the law, by which
// the call could not be shown at night: its own telephone, and no other, may be
// called with a consent that stands in the records.
func demoDecision(a *compliance.Attempt, f *compliance.Facts) compliance.Decision {
	d := compliance.Decision{Purpose: a.Purpose, Line: a.Line, RulesetVersion: "demo", At: a.At.UTC()}
	r := compliance.Reason{Rule: "demo-consent", Verdict: compliance.Deny, Why: "the demo calls nobody but its own telephone, and that with consent"}
	for _, c := range f.Consents.Value {
		if a.To == demoPerson && c.Seller == a.Seller && c.Level == compliance.PriorExpress && c.RevokedAt.IsZero() && slices.Contains(c.Purposes, a.Purpose) {
			r.Verdict, r.Why = compliance.Pass, "its telephone has consented"
			d.Allow, d.ValidFor, d.Consent = true, time.Minute, c.ID
		}
	}
	d.Reasons = []compliance.Reason{r}

	return d
}

// demoConsent records the consent of who is called.
func demoConsent(ctx context.Context, g *gateway) error {
	return g.ledger.AddConsents(ctx, g.cfg.Compliance.Tenant, evidence.Consent{
		Number: demoPerson, Seller: demoAccount, Level: compliance.PriorExpress, Purposes: []compliance.Purpose{compliance.Informational},
		ArtificialVoice: true, DisclosureText: "This telephone may be called by the trunkline demo.", CapturedAt: time.Now(), Method: "demo",
	})
}

// overTwilio holds two whole calls over the simulated carrier: one that comes
// in, and one that the gateway places.
func (d demoCmd) overTwilio(ctx context.Context, c *cli, screen *demo.Screen) (err error) {
	g, err := demoGateway(c, screen)
	if err != nil {
		return err
	}
	far, err := startSimulated()
	if err != nil {
		return err
	}
	defer far.stop()
	if err := far.configure(&g.cfg); err != nil {
		return err
	}
	g.judge = demoDecision
	live := watchDemo(g)
	screen.Linef("trunkline %s: two whole calls over a simulated carrier that works like Twilio, recorded", version)
	if err := g.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.stop(context.Background())) }() // bounded by its own steps
	far.Tunnel(demoHost, g.twilio.Addr().String())
	screen.Linef("the gateway is up; %s calls %s", demoPerson, demoNumber)
	came, err := far.Dial(carrier.Caller{From: demoPerson, To: demoNumber, Phone: far.phone.Set(), Verstat: "TN-Validation-Passed-A"})
	if err != nil {
		return err
	}
	if err := d.hold(ctx, g, far, came.Done(), live, screen); err != nil {
		return fmt.Errorf("the call that came in: %w%s", err, alerts(far))
	}
	if err := demoConsent(ctx, g); err != nil {
		return err
	}
	screen.Linef("\n%s has consented; the gateway calls it", demoPerson)
	if _, err := g.calls.Place(ctx, call.Order{To: demoPerson, Purpose: string(compliance.Informational), Seller: demoAccount}); err != nil {
		return err
	}
	if err := d.hold(ctx, g, far, nil, live, screen); err != nil {
		return fmt.Errorf("the call that the gateway placed: %w%s", err, alerts(far))
	}

	return nil
}

// alerts is what the carrier complained of.
func alerts(far *simulated) string {
	text := ""
	for _, a := range far.Alerts() {
		text += fmt.Sprintf("; the carrier says: %d %s", a.Code, a.Text)
	}

	return text
}

// hold has the softphone hold the telephone while the screen shows the call,
// and judges it. over is closed when the call is over; nil: nobody knows.
func (d demoCmd) hold(
	ctx context.Context, g *gateway, far *simulated, over <-chan struct{}, live <-chan call.Live, screen *demo.Screen,
) error {
	plan, err := d.plan()
	if err != nil {
		return err
	}
	id := uuid.Nil
	report, err := whileShown(live, screen, &id, func() (*softphone.Report, error) {
		line, err := far.phone.Answered(ctx, over)
		if err != nil {
			return nil, err
		}

		return softphone.Play(ctx, far.clock, softphone.Config{Plan: plan, Gap: demo.Gap}, line)
	})
	if err != nil {
		return err
	}
	h, err := finishedCall(ctx, g.store, id.String())
	if err != nil {
		return err
	}
	if err := showRecord(screen, g, report, h); err != nil {
		return err
	}

	return demo.Verdict(h, d.turns())
}
