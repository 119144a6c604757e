package stir

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Attestation is how far the signer vouches for a caller's number (RFC 8588
// section 4).
type Attestation string

// The attestations.
const (
	Full    Attestation = "A" // the signer knows the customer and its right to the number
	Partial Attestation = "B" // the signer knows the customer
	Gateway Attestation = "C" // the signer knows where the call came in
)

// maxIdentity bounds an Identity header's value; real ones have some 700
// bytes.
const maxIdentity = 8 << 10

// identity is one Identity header (RFC 8224 section 4).
type identity struct {
	signed    string // what the signature is of: header, ".", payload
	signature []byte // R and S, 32 bytes each
	header    header
	claims    Claims
	info      string // URL of the certificate, as the parameter says
}

// header is the PASSporT's (RFC 8225 section 4).
type header struct {
	Alg string `json:"alg"`
	PPT string `json:"ppt"`
	Typ string `json:"typ"`
	X5U string `json:"x5u"`
}

// Claims are the PASSporT's payload (RFC 8225 section 5, RFC 8588 section 4).
// The order of the fields is that of the signed text.
type Claims struct {
	Attest   Attestation `json:"attest"`
	Dest     Numbers     `json:"dest"`
	IssuedAt int64       `json:"iat"` // seconds since 1970
	Orig     Number      `json:"orig"`
	OrigID   string      `json:"origid"` // a UUID that names the call's origin to its signer
}

// Number is a telephone number: digits with the country code and no "+".
type Number struct {
	TN string `json:"tn"`
}

// Numbers are called telephone numbers, one at least.
type Numbers struct {
	TN []string `json:"tn"`
}

// errNotShaken says that an Identity header is of another kind of PASSporT,
// which is no fault (RFC 8224 section 6.2.1).
var errNotShaken = errors.New("the PASSporT is not of the type shaken")

// parse reads an Identity header's value. The error is errNotShaken for one
// that is not for us.
func parse(value string) (identity, error) {
	if len(value) > maxIdentity {
		return identity{}, fmt.Errorf("the Identity header has %d bytes, more than %d", len(value), maxIdentity)
	}
	token, rest, _ := strings.Cut(value, ";")
	var id identity
	for param := range strings.SplitSeq(rest, ";") {
		name, v, _ := strings.Cut(strings.TrimSpace(param), "=")
		v = strings.Trim(strings.TrimSpace(v), `"`)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "info":
			id.info = strings.TrimSuffix(strings.TrimPrefix(v, "<"), ">")
		case "ppt":
			if v != "shaken" {
				return identity{}, errNotShaken
			}
		case "alg":
			if v != "ES256" {
				return identity{}, fmt.Errorf("the parameter alg is %q, not ES256", v)
			}
		}
	}

	return id, id.open(strings.TrimSpace(token))
}

// open reads the token.
func (id *identity) open(token string) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" {
		return errors.New("the PASSporT is not header.payload.signature (SHAKEN has no compact form, RFC 8588 section 3)")
	}
	if err := decode(parts[0], &id.header); err != nil {
		return fmt.Errorf("the PASSporT's header: %w", err)
	}
	if id.header.PPT != "shaken" {
		return errNotShaken
	}
	if err := decode(parts[1], &id.claims); err != nil {
		return fmt.Errorf("the PASSporT's payload: %w", err)
	}
	var err error
	if id.signature, err = base64.RawURLEncoding.DecodeString(parts[2]); err != nil {
		return fmt.Errorf("the PASSporT's signature is no base64url: %w", err)
	}
	id.signed = parts[0] + "." + parts[1]

	return id.check()
}

// check says what is missing or contradicts itself.
func (id *identity) check() error {
	h, c := &id.header, &id.claims
	switch {
	case h.Typ != "passport":
		return fmt.Errorf("the PASSporT's typ is %q", h.Typ)
	case h.Alg != "ES256":
		return fmt.Errorf("the PASSporT's alg is %q, not ES256", h.Alg)
	case h.X5U == "" || id.info != h.X5U:
		return errors.New("the parameter info is not the PASSporT's x5u (RFC 8224 section 4)")
	case c.Attest != Full && c.Attest != Partial && c.Attest != Gateway:
		return fmt.Errorf("the attestation is %q", c.Attest)
	case !digits(c.Orig.TN) || len(c.Dest.TN) == 0:
		return errors.New("orig or dest has no telephone number")
	case c.OrigID == "":
		return errors.New("origid is missing")
	case len(id.signature) != 64:
		return fmt.Errorf("the signature has %d bytes, not 64", len(id.signature))
	}

	return nil
}

// decode reads a base64url part of a token, which is one JSON object.
func decode(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return fmt.Errorf("no base64url: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("no JSON that fits: %w", err)
	}
	if d.More() {
		return errors.New("more than one JSON value")
	}

	return nil
}

// canonical is a telephone number as a PASSporT has it: digits alone (RFC 8224
// section 8.3). It is empty for what is no number.
func canonical(number string) string {
	number = strings.NewReplacer("-", "", ".", "", "(", "", ")", "", " ", "").Replace(number)
	number, _, _ = strings.Cut(strings.TrimPrefix(number, "+"), ";")
	if !digits(number) {
		return ""
	}

	return number
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
