package sip

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"trunkline/stir"
)

// Attesting says what a trunk's signed caller identities are for.
type Attesting uint8

// What they may be for.
const (
	AttestOff     Attesting = iota // they are not looked at
	AttestNote                     // they are checked, and the call is offered whatever comes of it
	AttestRequire                  // calls without one that holds are refused (RFC 8224 section 6.2.2)
)

// A Verifier checks the signed identities of a call; *stir.Verifier is one.
type Verifier interface {
	Verify(ctx context.Context, c stir.Call) stir.Result
}

// attestLimit bounds the check of an identity, in which the caller hears
// nothing yet.
const attestLimit = 2500 * time.Millisecond

// attest finds out what is vouched for about the caller, and reports whether
// the call may be offered. It runs before the Handler.
func (d *Dialog) attest() bool {
	t := d.invite.from.trunk
	if t == nil {
		return true
	}

	d.attested.Verdict = t.told(d)

	if d.ua.cfg.Verifier == nil || t.Attest == AttestOff {
		return true
	}

	ctx, cancel := context.WithTimeout(d.ua.life, attestLimit)
	defer cancel()

	d.attested = d.ua.cfg.Verifier.Verify(ctx, stir.Call{
		From: d.caller(), To: d.info.To.User, Identities: headerValues(d.invite.req, "Identity"), Date: dateOf(headerValue(d.invite.req, "Date")),
	})

	if d.attested.Status == 0 || t.Attest != AttestRequire {
		return true
	}

	d.ua.log.Warn("call refused for its caller's identity", slog.String("trunk", t.Name), slog.String("call_id", d.info.CallID),
		slog.Int("status", d.attested.Status), slog.String("why", d.attested.Why))

	_ = d.Reject(d.attested.Status, d.attested.Reason) // an error means that the call is over

	return false
}

// vouching reports whether the call is offered only if its caller's identity is
// proven.
func (d *Dialog) vouching() bool {
	return d.ua.cfg.Verifier != nil && d.trunk != nil && d.trunk.Attest == AttestRequire
}

// Attestation is what is vouched for about the caller of an inbound call: by a
// signature that we checked, or by the word of a trusted trunk that did. It is
// known once the Handler has the call.
func (d *Dialog) Attestation() stir.Result { return d.attested }

// told is what a trusted trunk says of the signature that it checked: the
// parameter verstat of the asserted identity or From, or Twilio's header.
func (t *trunk) told(d *Dialog) stir.Verdict {
	if !t.Trusted {
		return ""
	}

	for _, name := range []string{"P-Asserted-Identity", "X-Twilio-VerStat", "From"} {
		for _, value := range headerValues(d.invite.req, name) {
			if v, ok := verstat(value); ok {
				return v
			}
		}
	}

	return ""
}

// verstat reads the parameter of a header's address, or a header that is the
// parameter's value alone.
func verstat(value string) (stir.Verdict, bool) {
	if _, after, ok := strings.Cut(value, "verstat="); ok {
		value = after
	}

	word := value
	if i := strings.IndexAny(word, `;>,@ "`); i >= 0 {
		word = word[:i]
	}

	v, known := stir.ParseVerstat(word)

	return v, known && word != ""
}

// caller is the number that a signature is for: the asserted one of a trusted
// trunk, or that of From (RFC 8224 section 8.1).
func (d *Dialog) caller() string {
	for _, value := range d.info.Asserted {
		if user := addressee(value); user != "" {
			return user
		}
	}

	return d.info.From.User
}

// dateOf reads a Date header (RFC 3261 section 20.17); zero for none.
func dateOf(value string) time.Time {
	t, err := http.ParseTime(value)
	if err != nil {
		return time.Time{}
	}

	return t
}

// sign adds our signature to a call of a trunk that wants it (RFC 8224 section
// 6.1). A call that cannot be signed, for want of a number, goes unsigned: the
// trunk's carrier says what follows.
func (ua *UA) sign(t *trunk, caller, number string) []Header {
	if ua.cfg.Signer == nil || t.Sign == "" {
		return nil
	}

	now := time.Now()

	value, err := ua.cfg.Signer.Identity(caller, number, t.Sign, now)
	if err != nil {
		ua.log.Warn("call not signed", slog.String("trunk", t.Name), slog.Any("error", err))
		return nil
	}

	return []Header{{"Date", now.UTC().Format(http.TimeFormat)}, {"Identity", value}}
}
