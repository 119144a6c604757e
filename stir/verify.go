package stir

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Verdict is what is known of a caller's number. The zero Verdict says that
// nobody looked.
type Verdict string

// The verdicts. An attestation is that of a valid, trusted signature.
const (
	None   Verdict = "none"   // the call brought no identity of the type shaken
	Failed Verdict = "failed" // it brought one that does not hold
)

// Result is what Verify found.
type Result struct {
	Verdict Verdict
	Status  int    // SIP response of a trunk that insists (RFC 8224 section 6.2.2); 0 for an attestation
	Reason  string // its reason phrase
	Why     string // in plain words; empty for an attestation
	OrigID  string // of the PASSporT
	Signer  string // subject of the certificate
}

// Call is what a PASSporT is compared with.
type Call struct {
	From, To   string    // numbers as they stand in the INVITE: From or P-Asserted-Identity, and To
	Identities []string  // values of its Identity headers
	Date       time.Time // of its Date header; zero when there is none
}

// Freshness is how old a PASSporT may be, and how far ahead of our clock
// (RFC 8224 section 6.2).
const Freshness = time.Minute

// Certificates gives the chain of a URL, the signer's own certificate first;
// *Fetcher is one.
type Certificates interface {
	Chain(ctx context.Context, url string) ([]*x509.Certificate, error)
}

// Verifier checks identities. It is safe for concurrent use.
type Verifier struct {
	certs Certificates
	roots *x509.CertPool
	now   func() time.Time
	seen  *replays
}

// NewVerifier makes a Verifier that trusts what roots sign.
func NewVerifier(certs Certificates, roots *x509.CertPool) *Verifier {
	return &Verifier{certs: certs, roots: roots, now: time.Now, seen: newReplays()}
}

// fault is why an identity does not hold.
type fault struct {
	status int
	reason string
	err    error
}

func (f *fault) Error() string { return f.err.Error() }

// The faults of RFC 8224 section 6.2.2.
func invalid(err error) *fault     { return &fault{438, "Invalid Identity Header", err} }
func unsupported(err error) *fault { return &fault{437, "Unsupported Credential", err} }
func badInfo(err error) *fault     { return &fault{436, "Bad Identity Info", err} }
func stale(err error) *fault       { return &fault{403, "Stale Date", err} }

// Verify checks a call's identities. One that holds is enough; of several that
// do not, the last one's fault is told.
func (v *Verifier) Verify(ctx context.Context, c Call) Result {
	result := Result{Verdict: None, Status: 428, Reason: "Use Identity Header", Why: "the call brings no identity"}
	for _, value := range c.Identities {
		id, err := parse(value)
		if errors.Is(err, errNotShaken) {
			continue
		}
		var f *fault
		if err != nil {
			f = invalid(err)
		} else {
			var signer string
			if signer, f = v.verify(ctx, &id, &c); f == nil {
				return Result{Verdict: Verdict(id.claims.Attest), OrigID: id.claims.OrigID, Signer: signer}
			}
		}
		result = Result{Verdict: Failed, Status: f.status, Reason: f.reason, Why: f.Error(), OrigID: id.claims.OrigID}
	}

	return result
}

// verify follows RFC 8224 section 6.2. What needs no certificate comes first,
// so that a stranger's nonsense has nothing fetched.
func (v *Verifier) verify(ctx context.Context, id *identity, c *Call) (signer string, f *fault) {
	now := v.now()
	if f := fresh(now, id, c); f != nil {
		return "", f
	}
	from, to := canonical(c.From), canonical(c.To)
	switch {
	case from == "" || from != id.claims.Orig.TN:
		return "", invalid(errors.New("it is signed for another caller"))
	case to == "" || !slices.Contains(id.claims.Dest.TN, to):
		return "", invalid(errors.New("it is signed for another called number"))
	}
	chain, err := v.certs.Chain(ctx, id.header.X5U)
	if err != nil {
		return "", badInfo(fmt.Errorf("the certificate cannot be had: %w", err))
	}
	leaf, err := v.trusted(chain, now, from)
	if err != nil {
		return "", unsupported(err)
	}
	if !signedBy(leaf, id) {
		return "", invalid(errors.New("the signature is not the certificate's"))
	}
	if !v.seen.first(id, now) {
		return "", invalid(errors.New("the same identity came before with another call"))
	}

	return leaf.Subject.String(), nil
}

// fresh looks at the time of signing and at the Date header.
func fresh(now time.Time, id *identity, c *Call) *fault {
	signed := time.Unix(id.claims.IssuedAt, 0)
	if age := now.Sub(signed); age > Freshness || age < -Freshness {
		return stale(fmt.Errorf("it was signed %s ago", age.Round(time.Second)))
	}
	if age := now.Sub(c.Date); !c.Date.IsZero() && (age > Freshness || age < -Freshness) {
		return stale(fmt.Errorf("the Date header is %s old", age.Round(time.Second)))
	}

	return nil
}

// trusted checks the chain of a certificate, and that it may sign for a
// number.
func (v *Verifier) trusted(chain []*x509.Certificate, now time.Time, number string) (*x509.Certificate, error) {
	leaf := chain[0]
	list, err := authority(leaf)
	if err != nil {
		return nil, err
	}
	if !list.covers(number) {
		return nil, errors.New("the certificate is for other telephone numbers (RFC 8226)")
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	options := x509.VerifyOptions{
		Roots: v.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	if _, err := known(leaf).Verify(options); err != nil {
		return nil, fmt.Errorf("the certificate is not trusted: %w", err)
	}

	return leaf, nil
}

// signedBy checks an ES256 signature (RFC 7518 section 3.4).
func signedBy(leaf *x509.Certificate, id *identity) bool {
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return false
	}
	sum := sha256.Sum256([]byte(id.signed))
	r, s := new(big.Int).SetBytes(id.signature[:32]), new(big.Int).SetBytes(id.signature[32:])

	return ecdsa.Verify(key, sum[:], r, s)
}
