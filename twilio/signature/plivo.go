package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Plivo validates the webhooks of an account with Plivo, version 3 of its
// signatures (https://www.plivo.com/docs/voice/concepts/signature-validation).
type Plivo struct {
	base   *url.URL
	tokens [][]byte
}

// NewPlivo makes a validator; see NewTwilio.
func NewPlivo(base string, tokens ...string) (*Plivo, error) {
	u, err := ParseBase(base)
	if err != nil {
		return nil, err
	}
	v := &Plivo{base: u}
	for _, t := range tokens {
		v.tokens = append(v.tokens, []byte(t))
	}
	if len(v.tokens) == 0 {
		return nil, errNoSecret
	}

	return v, nil
}

// Valid reports whether a request comes from Plivo. header gives its headers:
// X-Plivo-Signature-V3 may hold several signatures, with commas between them.
func (v *Plivo) Valid(r *Request, header func(name string) string) bool {
	nonce, given := header("X-Plivo-Signature-V3-Nonce"), header("X-Plivo-Signature-V3")
	if nonce == "" || given == "" {
		return false
	}
	text := plivoText(v.base.String(), r)
	valid := 0
	for _, token := range v.tokens {
		want := []byte(plivoSum(token, text, nonce))
		for signed := range strings.SplitSeq(given, ",") {
			valid |= subtle.ConstantTimeCompare([]byte(strings.TrimSpace(signed)), want)
		}
	}

	return valid == 1
}

// plivoText is what is signed before the nonce: the URL with its query in
// order, and the form's keys in order, each followed by its values in order. A
// GET request has no form.
func plivoText(base string, r *Request) string {
	path, query, _ := strings.Cut(r.Target, "?")
	text := base + path
	values, err := url.ParseQuery(query)
	if err != nil {
		return ""
	}
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(values)) {
		for _, value := range slices.Sorted(slices.Values(values[k])) {
			pairs = append(pairs, k+"="+value)
		}
	}
	if len(pairs) > 0 || len(r.Form) > 0 {
		text += "?" + strings.Join(pairs, "&")
	}
	if len(pairs) > 0 && len(r.Form) > 0 {
		text += "."
	}
	for _, k := range slices.Sorted(maps.Keys(r.Form)) {
		for _, value := range slices.Sorted(slices.Values(r.Form[k])) {
			text += k + value
		}
	}

	return text
}

func plivoSum(token []byte, text, nonce string) string {
	h := hmac.New(sha256.New, token)
	h.Write([]byte(text + "." + nonce)) // never fails

	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
