package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
)

// Vonage validates the webhooks of an account with Vonage: a JWT (RFC 7519)
// with HS256 in the Authorization header, over the hash of the body
// (https://developer.vonage.com/en/getting-started/concepts/webhooks).
type Vonage struct{ secrets [][]byte }

// NewVonage makes a validator. secrets are the account's signature secrets: the
// current one and, while they are changed, the one before or after it.
func NewVonage(secrets ...string) (*Vonage, error) {
	v := &Vonage{}
	for _, s := range secrets {
		v.secrets = append(v.secrets, []byte(s))
	}
	if len(v.secrets) == 0 {
		return nil, errNoSecret
	}

	return v, nil
}

// Valid reports whether a request comes from Vonage. header gives its headers.
func (v *Vonage) Valid(r *Request, header func(name string) string, now time.Time) bool {
	token, bearer := strings.CutPrefix(header("Authorization"), "Bearer ")
	signed, signature, ok := cutLast(token, '.')
	if !bearer || !ok {
		return false
	}
	head, claims, ok := strings.Cut(signed, ".")
	given, err := base64.RawURLEncoding.DecodeString(signature)
	if !ok || err != nil {
		return false
	}
	valid := 0
	for _, secret := range v.secrets {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(signed)) // never fails
		valid |= subtle.ConstantTimeCompare(h.Sum(nil), given)
	}
	if valid != 1 {
		return false
	}
	var j struct {
		Algorithm string `json:"alg"`
	}
	var c struct {
		Issued int64  `json:"iat"`
		Hash   string `json:"payload_hash"`
	}
	if !decodePart(head, &j) || !decodePart(claims, &c) || j.Algorithm != "HS256" {
		return false
	}
	if now.Sub(time.Unix(c.Issued, 0)).Abs() > Fresh {
		return false
	}
	if len(r.Body) == 0 {
		return true
	}
	want, err := hex.DecodeString(c.Hash)
	got := sha256.Sum256(r.Body)

	return err == nil && subtle.ConstantTimeCompare(got[:], want) == 1
}

// decodePart reads the JSON of a part of a JWT.
func decodePart(part string, into any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(part)

	return err == nil && json.Unmarshal(raw, into) == nil
}

func cutLast(s string, sep byte) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}

	return s[:i], s[i+1:], true
}
