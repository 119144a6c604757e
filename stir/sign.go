package stir

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"
)

// Signer signs for calls that an operator places under its own certificate,
// which providers with a token of the STI-PA have. It is safe for concurrent
// use.
type Signer struct {
	key *ecdsa.PrivateKey
	x5u string
}

// NewSigner makes a Signer. x5u is where those who verify find the
// certificate of key, which is on the curve P-256.
func NewSigner(key *ecdsa.PrivateKey, x5u string) (*Signer, error) {
	u, err := url.Parse(x5u)
	switch {
	case key.Curve != elliptic.P256():
		return nil, errors.New("stir: the key is not on P-256, which ES256 needs")
	case err != nil || u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("stir: %q is no https URL of a certificate", x5u)
	}

	return &Signer{key: key, x5u: x5u}, nil
}

// Identity is the value of an Identity header for a call from one number to
// another, in E.164 with or without "+".
func (s *Signer) Identity(from, to string, a Attestation, now time.Time) (string, error) {
	c := Claims{
		Attest: a, Dest: Numbers{[]string{canonical(to)}}, IssuedAt: now.Unix(), Orig: Number{canonical(from)}, OrigID: uuid.NewString(),
	}
	if c.Orig.TN == "" || c.Dest.TN[0] == "" {
		return "", errors.New("stir: sign: a party of the call has no telephone number")
	}
	return s.sign(header{Alg: "ES256", PPT: "shaken", Typ: "passport", X5U: s.x5u}, &c)
}

func (s *Signer) sign(h header, c *Claims) (string, error) {
	top, err := encode(h)
	if err != nil {
		return "", err
	}
	claims, err := encode(c)
	if err != nil {
		return "", err
	}
	token := top + "." + claims
	sum := sha256.Sum256([]byte(token))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		return "", fmt.Errorf("stir: sign: %w", err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	v.FillBytes(signature[32:])

	return token + "." + base64.RawURLEncoding.EncodeToString(signature) + ";info=<" + h.X5U + `>;alg=ES256;ppt="shaken"`, nil
}

// encode is a part of a token: JSON with its keys in order and no white space
// (RFC 8225 section 9).
func encode(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("stir: sign: %w", err)
	}

	return base64.RawURLEncoding.EncodeToString(text), nil
}
