package sip

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/stir"
)

// notary gives one verdict, and remembers what it was asked.
type notary struct {
	result stir.Result
	asked  stir.Call
}

func (n *notary) Verify(_ context.Context, c stir.Call) stir.Result {
	n.asked = c

	return n.result
}

func TestIdentitiesAreChecked(t *testing.T) {
	t.Parallel()

	holds := stir.Result{Verdict: "B", OrigID: "id"}
	fails := stir.Result{Verdict: stir.Failed, Status: 438, Reason: "Invalid Identity Header", Why: "it is signed for another caller"}
	for name, tt := range map[string]struct {
		policy Attesting
		result stir.Result
		extra  string
		status int // of a call that is not offered
		want   stir.Verdict
	}{
		"not looked at":         {AttestOff, fails, "", 0, ""},
		"holds":                 {AttestNote, holds, "", 0, "B"},
		"fails, and is offered": {AttestNote, fails, "", 0, stir.Failed},
		"holds where it must":   {AttestRequire, holds, "", 0, "B"},
		"fails where it must":   {AttestRequire, fails, "", 438, stir.Failed},
		"the carrier's word":    {AttestOff, fails, "\nP-Asserted-Identity: <tel:+12025550123;verstat=TN-Validation-Passed-A>", 0, "A"},
		"Twilio's word":         {AttestOff, fails, "\nX-Twilio-VerStat: TN-Validation-Failed-B", 0, stir.Failed},
		"ours, not the carrier": {AttestNote, holds, "\nX-Twilio-VerStat: TN-Validation-Passed-A", 0, "B"},
	} {
		t.Run(name, func(t *testing.T) {
			n := &notary{result: tt.result}
			inBubble(t, func(c *Config) {
				c.Verifier, c.Trunks[0].Attest, c.Trunks[0].Trusted = n, tt.policy, true
			}, func(b *bed) {
				s := newScript("attest")
				s.extra = "\nIdentity: a.b.c;info=<https://certs.example.org/a>\nDate: Sat, 21 Nov 2026 12:00:00 GMT" + tt.extra
				b.send(s.request("INVITE", offerPCMU))
				b.status(100)
				if tt.status != 0 {
					s.learn(b.status(tt.status))
					b.send(s.ackFailure())
				} else {
					d := b.call()
					if got := d.Attestation(); got.Verdict != tt.want {
						t.Errorf("Attestation = %+v, want %q", got, tt.want)
					}
					if err := d.Reject(486, ""); err != nil {
						t.Error(err)
					}
					s.learn(b.status(486))
					b.send(s.ackFailure())
				}
				if tt.policy == AttestOff {
					return
				}
				if n.asked.From != "+12025550123" || n.asked.To != "agent" || len(n.asked.Identities) != 1 ||
					!n.asked.Date.Equal(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)) {
					t.Errorf("the verifier was asked about %+v", n.asked)
				}
			})
		})
	}
}

func TestStrangersVerstatIsNotBelieved(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("boast")
		s.extra = "\nX-Twilio-VerStat: TN-Validation-Passed-A"
		d := b.offer(s, offerPCMU)
		if got := d.Attestation(); got.Verdict != "" {
			t.Errorf("Attestation of a trunk that is not trusted = %+v", got)
		}
		_ = d.Reject(486, "")
		s.learn(b.status(486))
		b.send(s.ackFailure())
	})
}

// sleeper is a verifier whose certificates never come.
type sleeper struct{}

func (sleeper) Verify(ctx context.Context, _ stir.Call) stir.Result {
	<-ctx.Done()

	return stir.Result{Verdict: stir.Failed, Status: 436, Reason: "Bad Identity Info", Why: context.Cause(ctx).Error()}
}

func TestACallerMayGiveUpDuringTheCheck(t *testing.T) {
	inBubble(t, func(c *Config) { c.Verifier, c.Trunks[0].Attest = sleeper{}, AttestNote }, func(b *bed) {
		s := newScript("impatient")
		b.send(s.request("INVITE", offerPCMU))
		b.status(100)
		b.send(s.request("CANCEL", ""))
		b.status(200)
		b.status(487)
		b.send(s.ackFailure())
		began := time.Now()
		d := b.call() // the Handler is told, and sees that the call is over
		if waited := time.Since(began); waited > attestLimit {
			t.Errorf("the check took %s, want at most %s", waited, attestLimit)
		}
		if err := d.Ring(); !errors.Is(err, ErrCancelled) {
			t.Errorf("Ring = %v, want ErrCancelled", err)
		}
	})
}

func TestCallsAreSigned(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := stir.NewSigner(key, "https://certs.example.org/ours.pem")
	if err != nil {
		t.Fatal(err)
	}
	inBubble(t, func(c *Config) {
		c.Signer = signer
		c.Trunks[0].Targets = []Target{{URI: "sip:10.0.0.9"}}
		c.Trunks[0].Sign = stir.Full
	}, func(b *bed) {
		done := b.callFar(ctx, "+12025550199", CallOptions{CallerID: "+12025550100"})
		invite := b.method("INVITE")
		call := stir.Call{
			From: invite.From().Address.User, To: invite.To().Address.User, Identities: headerValues(invite, "Identity"),
			Date: dateOf(headerValue(invite, "Date")),
		}
		// What we sign is read by what we verify with; the certificate is
		// another matter.
		if r := stir.NewVerifier(noCertificates{}, nil).Verify(ctx, call); r.Status != 436 {
			t.Errorf("our own identity: %+v, want all but the certificate to be in order", r)
		}
		b.respond(invite, 486, "t1", "")
		b.method("ACK")
		synctest.Wait()
		<-done
	})
}

type noCertificates struct{}

func (noCertificates) Chain(context.Context, string) ([]*x509.Certificate, error) {
	return nil, errors.New("none here")
}
