package digest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// ErrRefused says that the far end did not take what we proved: the user or
// the password is wrong.
var ErrRefused = errors.New("the far end refused our user or password")

// Header is a header line that proves who we are.
type Header struct{ Name, Value string }

// maxRealms bounds the realms that one Client answers: the far end and the
// proxies on the way to it.
const maxRealms = 8

// A Client answers challenges. It remembers the last nonce of each realm, so
// that later requests need no challenge of their own. Its methods may be
// called from any goroutine.
type Client struct {
	credentials Credentials

	mu     sync.Mutex
	realms []*realm // in the order of their first challenge
}

// realm is what a protection space asked for last.
type realm struct {
	challenge

	name  string // of the header that answers
	count uint32 // requests that its nonce has been used for
}

// challenge is a WWW-Authenticate or Proxy-Authenticate value that we can
// answer.
type challenge struct {
	realm, nonce, opaque string
	algorithm            Algorithm
	named                bool // the algorithm stood in the challenge
	qop                  bool // "auth" is offered; otherwise the scheme of RFC 2069 is meant
	stale                bool
}

// NewClient makes a Client that has met no challenge yet.
func NewClient(c Credentials) *Client { return &Client{credentials: c} }

// Challenge takes the WWW-Authenticate values of a 401 and the
// Proxy-Authenticate values of a 407. Of the challenges of one realm it
// keeps the one with the strongest algorithm. The error wraps ErrUnsupported
// when none can be answered, and ErrRefused when a realm asks again for what
// we have just given it.
func (c *Client) Challenge(www, proxy []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()

	best := make(map[Header]challenge) // by header and realm

	var faults []error

	for _, group := range []struct {
		name   string
		values []string
	}{{"Authorization", www}, {"Proxy-Authorization", proxy}} {
		for _, value := range group.values {
			ch, err := c.read(value)
			if err != nil {
				faults = append(faults, err)
				continue
			}

			key := Header{group.name, ch.realm}
			if known, ok := best[key]; !ok || known.algorithm == MD5 && ch.algorithm == SHA256 {
				best[key] = ch
			}
		}
	}

	if len(best) == 0 {
		return errors.Join(append([]error{fmt.Errorf("%w: no usable challenge", ErrUnsupported)}, faults...)...)
	}

	for key, ch := range best {
		if err := c.take(key.Name, ch); err != nil {
			return err
		}
	}

	return nil
}

func (c *Client) read(value string) (challenge, error) {
	params, err := parse(value)
	if err != nil {
		return challenge{}, err
	}

	a, known := parseAlgorithm(params["algorithm"])
	_, named := params["algorithm"]
	ch := challenge{
		realm: params["realm"], nonce: params["nonce"], opaque: params["opaque"],
		algorithm: a, named: named, stale: strings.EqualFold(params["stale"], "true"),
	}

	qop, offered := params["qop"]
	for option := range strings.SplitSeq(qop, ",") {
		if strings.EqualFold(strings.TrimSpace(option), "auth") {
			ch.qop = true
		}
	}

	switch {
	case !known:
		return ch, fmt.Errorf("%w: an algorithm other than SHA-256 and MD5", ErrUnsupported)
	case offered && !ch.qop:
		return ch, fmt.Errorf("%w: a quality of protection other than auth", ErrUnsupported)
	case ch.nonce == "":
		return ch, fmt.Errorf("%w: no nonce", ErrMalformed)
	case c.credentials.Realm != "" && c.credentials.Realm != ch.realm:
		return ch, fmt.Errorf("%w: a realm that we have no password for", ErrUnsupported)
	}

	return ch, nil
}

func (c *Client) take(name string, ch challenge) error {
	for _, r := range c.realms {
		if r.name != name || r.realm != ch.realm {
			continue
		}

		// A server that forgot our nonce says so; one that answers our very
		// answer with a new question did not believe it.
		if r.count > 0 && !ch.stale && (r.nonce == ch.nonce || r.count == 1) {
			r.count = 0 // a later request may try anew
			r.challenge = ch

			return ErrRefused
		}

		r.challenge, r.count = ch, 0

		return nil
	}

	if len(c.realms) >= maxRealms {
		return fmt.Errorf("%w: too many realms", ErrUnsupported)
	}

	c.realms = append(c.realms, &realm{challenge: ch, name: name})

	return nil
}

// Forget forgets all challenges, for a request that goes to another far end.
func (c *Client) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.realms = nil
}

// Authorize makes the headers that prove who sends a request: none before
// the first challenge. uri is the Request-URI as it is sent.
func (c *Client) Authorize(method, uri string) []Header {
	c.mu.Lock()
	defer c.mu.Unlock()

	headers := make([]Header, 0, len(c.realms))
	for _, r := range c.realms {
		r.count++
		headers = append(headers, Header{r.name, c.answer(r, method, uri, rand.Text())})
	}

	return headers
}

// answer makes one header's value (RFC 7616 section 3.4).
func (c *Client) answer(r *realm, method, uri, cnonce string) string {
	a := r.algorithm
	secret := a.hash(c.credentials.User, r.realm, c.credentials.Password)
	request := a.hash(method, uri)
	count := fmt.Sprintf("%08x", r.count)

	var b strings.Builder

	fmt.Fprintf(&b, "Digest username=%s, realm=%s, nonce=%s, uri=%s", quote(c.credentials.User), quote(r.realm), quote(r.nonce), quote(uri))

	if r.qop {
		fmt.Fprintf(&b, `, response="%s", qop=auth, nc=%s, cnonce=%s`, a.hash(secret, r.nonce, count, cnonce, "auth", request), count, quote(cnonce))
	} else {
		fmt.Fprintf(&b, `, response="%s"`, a.hash(secret, r.nonce, request))
	}

	if r.named {
		fmt.Fprintf(&b, ", algorithm=%s", a)
	}

	if r.opaque != "" {
		fmt.Fprintf(&b, ", opaque=%s", quote(r.opaque))
	}

	return b.String()
}
