package carrier

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the algorithm of X-Twilio-Signature
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
)

// signature is the value of X-Twilio-Signature: the HMAC-SHA1 of the URL and
// the form's parameters, sorted by name and put behind each other
// (https://www.twilio.com/docs/usage/security). Of a name that comes twice
// each different value counts once.
func signature(token, address string, form url.Values) string {
	var text strings.Builder
	text.WriteString(address)
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, v := range slices.Compact(values) {
			text.WriteString(name)
			text.WriteString(v)
		}
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(text.String()))

	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Sign is the signature that a request with this form carries when it is sent
// to address in the name of an account with this token.
func Sign(token, address string, form url.Values) string { return signature(token, address, form) }

// SignBody is the address of a request with a body that is no form, with the
// parameter bodySHA256 added, and its signature.
func SignBody(token, address string, body []byte) (signed, sig string, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", "", err
	}
	sum := sha256.Sum256(body)
	query := u.Query()
	query.Set("bodySHA256", hex.EncodeToString(sum[:]))
	u.RawQuery = query.Encode()

	return u.String(), signature(token, u.String(), nil), nil
}
