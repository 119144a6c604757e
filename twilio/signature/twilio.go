package signature

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio's choice; HMAC does not rest on collisions
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// TwilioHeader carries the signature of Twilio's requests.
const TwilioHeader = "X-Twilio-Signature"

// errNoSecret is for an account whose secret is missing: there is no way to
// switch validation off.
var errNoSecret = errors.New("signature: there is no auth token, so no request could be believed")

// Request is the part of an HTTP request that is signed.
type Request struct {
	// Target is the path and the query below the public URL, as they came:
	// nothing decoded, nothing sorted.
	Target string
	// WebSocket says that the request opens a socket: the URL is then wss.
	WebSocket bool
	// Form is what a form in the body said, each key with all its values; nil
	// when the body is no form.
	Form url.Values
	// Body is the body's bytes.
	Body []byte
}

// Twilio validates the requests of one account.
type Twilio struct {
	base   *url.URL
	tokens [][]byte
}

// NewTwilio makes a validator. base is the public URL that stands before every
// Target, http or https; tokens are the account's auth tokens: the current one
// and, while they are rotated, the one before or after it.
func NewTwilio(base string, tokens ...string) (*Twilio, error) {
	u, err := ParseBase(base)
	if err != nil {
		return nil, err
	}
	v := &Twilio{base: u}
	for _, t := range tokens {
		if t != "" {
			v.tokens = append(v.tokens, []byte(t))
		}
	}
	if len(v.tokens) == 0 {
		return nil, errNoSecret
	}

	return v, nil
}

// ParseBase reads the public URL that stands before the paths of webhooks. It
// comes back without a slash at its end and without a fragment, such as #rc=3,
// which is for the carrier alone.
func ParseBase(base string) (*url.URL, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil:
		return nil, fmt.Errorf("signature: the public URL: %w", err)
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return nil, fmt.Errorf("signature: the public URL %q does not begin with https:// and a host", base)
	case u.RawQuery != "" || u.User != nil:
		return nil, fmt.Errorf("signature: the public URL %q has a query or a user in it; it is only what stands before a path", u.Redacted())
	}
	u.Fragment = ""
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""

	return u, nil
}

// Valid reports whether signature, the header of r, was made with one of the
// tokens.
func (v *Twilio) Valid(r *Request, signature string) bool {
	given, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || len(given) != sha1.Size || !intact(r) {
		return false
	}
	pairs := concat(r.Form)
	valid := 0
	for _, u := range v.urls(r) {
		for _, token := range v.tokens {
			valid |= subtle.ConstantTimeCompare(sum(token, u+pairs), given)
		}
	}

	return valid == 1
}

// intact compares a body that is no form with its hash, which the URL carries
// and the signature of the URL covers.
func intact(r *Request) bool {
	if r.Form != nil {
		return true
	}
	_, query, _ := strings.Cut(r.Target, "?")
	values, err := url.ParseQuery(query)
	if err != nil || len(r.Body) > 0 && !values.Has("bodySHA256") {
		return false
	}
	if !values.Has("bodySHA256") {
		return true
	}
	want, err := hex.DecodeString(values.Get("bodySHA256"))
	got := sha256.Sum256(r.Body)

	return err == nil && subtle.ConstantTimeCompare(got[:], want) == 1
}

// urls are the forms in which the sender may have signed the request's URL.
func (v *Twilio) urls(r *Request) []string {
	scheme, port := v.base.Scheme, "80"
	if scheme == "https" {
		port = "443"
	}
	if r.WebSocket {
		scheme = strings.Replace(scheme, "http", "ws", 1)
	}
	host := v.base.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	hosts := []string{host, host + ":" + port}
	if p := v.base.Port(); p != "" && p != port {
		hosts = []string{host, host + ":" + p}
	}
	path, query, asked := strings.Cut(r.Target, "?")
	if asked {
		query = "?" + query
	}
	paths := []string{path, path + "/"}
	if bare, slash := strings.CutSuffix(path, "/"); slash {
		paths = []string{path, bare}
	}
	var all []string
	for _, h := range hosts {
		for _, p := range paths {
			all = append(all, scheme+"://"+h+v.base.EscapedPath()+p+query)
		}
	}

	return all
}

// concat is the form as it is signed: keys in order, each followed by its
// value. A key that comes twice is signed with each of its different values, in
// order.
func concat(form url.Values) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(form)) {
		for _, value := range slices.Compact(slices.Sorted(slices.Values(form[key]))) {
			b.WriteString(key)
			b.WriteString(value)
		}
	}

	return b.String()
}

// SignTwilio is the signature of a request to a full URL with a form, which may
// be nil.
func SignTwilio(token, fullURL string, form url.Values) string {
	return base64.StdEncoding.EncodeToString(sum([]byte(token), fullURL+concat(form)))
}

func sum(token []byte, signed string) []byte {
	h := hmac.New(sha1.New, token)
	h.Write([]byte(signed)) // never fails

	return h.Sum(nil)
}
