package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/media/dtmf"
	"trunkline/sip/digest"
	"trunkline/sip/throttle"
	"trunkline/stir"
)

// Trunk is a carrier or PBX that may send us calls, and that takes ours when
// it has targets.
type Trunk struct {
	Name     string
	Sources  []netip.Prefix // where its messages come from
	MaxCalls int            // calls at once both ways, beyond which INVITEs get 486; 0 means no limit of its own
	SRTP     SRTP
	Audio    Audio     // what else its calls' audio is offered and agreed with
	Keys     dtmf.Mode // by which ways its keys are taken; told by Info
	// Recodes says that its calls may be asked for another codec by re-INVITE, so
	// that two legs of a bridge use the same; told by Info.
	Recodes bool
	// Transfer says whether its calls may have us call somebody in their place
	// (REFER), by the user part of that URI; see Dialog.Referrals. It must not
	// wait. Nil: nobody.
	Transfer func(user string) bool

	// Certificates are names, any of which a client certificate of the trunk
	// shows. It is told by that, whatever its address.
	Certificates []string
	// Challenge is what the trunk must prove with each INVITE of its own;
	// zero means that its source is enough.
	Challenge digest.Credentials
	// ChallengeMD5 offers it MD5 alone, for peers that read only the first of
	// several challenges and do not know SHA-256.
	ChallengeMD5 bool
	// Trusted says that the trunk belongs to our trust domain (RFC 3325
	// section 3): identities that it asserts are believed, and it is told ours.
	Trusted bool
	// Account is what we prove to the trunk when it asks with 401 or 407.
	Account digest.Credentials
	// Targets take our calls. A trunk without any takes none.
	Targets []Target
	// Proxy is a SIP URI that all our requests outside of a dialog go through
	// (RFC 3261 section 8.1.2); empty means that they go to the target.
	Proxy    string
	Identity Identity
	Numbers  Numbers
	Probes   Probes
	// Redirects are hosts that a 3xx response may send a call of ours on to,
	// with the number that was called and no other; none: nowhere.
	Redirects []string
	// Register is set for a trunk that is registered; calls from its
	// registrar are the trunk's then.
	Register *Registration
	// CallsPerSecond bounds new calls both ways, beyond which INVITEs get 503;
	// 0 means no limit.
	CallsPerSecond float64

	Attest Attesting        // what the signed identities of its callers are for
	Sign   stir.Attestation // with which our calls are signed; empty: they are not
}

// Target is a place that takes a trunk's calls.
type Target struct {
	URI      string // sip:host[:port][;transport=udp|tcp|tls] or sips:host; a user part is replaced by the number
	Priority int    // targets with a lower one are tried first
	Weight   int    // share of the calls among those of the same priority
}

// Identity says how we name ourselves to a trunk.
type Identity struct {
	// CallerID is the number that calls show that name none.
	CallerID string
	// User is the user part of every From, for carriers that want the
	// account there; the number then stands in P-Asserted-Identity alone.
	User string
	// Host is the host part of From and of asserted identities; empty means
	// our advertised address.
	Host string
}

// Numbers says how a trunk wants telephone numbers written.
type Numbers struct {
	Format        NumberFormat
	Country       string // country code without "+", of NumberNational
	Prefix        string // before national numbers, such as "0"
	International string // before numbers of other countries, such as "00" or "011"
}

// NumberFormat is a way of writing numbers.
type NumberFormat uint8

// The formats, by the example of +44 20 7946 0000.
const (
	NumberE164     NumberFormat = iota // +442079460000
	NumberDigits                       // 442079460000
	NumberNational                     // 02079460000
)

// write gives a number, "+" and digits, the trunk's form. What does not begin
// with "+" is an extension or a service's code, and stays as it is.
func (n Numbers) write(number string) string {
	digits, international := strings.CutPrefix(number, "+")
	if !international {
		return number
	}

	switch n.Format {
	case NumberDigits:
		return digits
	case NumberNational:
		if national, ok := strings.CutPrefix(digits, n.Country); ok {
			return n.Prefix + national
		}

		return n.International + digits
	default:
		return number
	}
}

// dialable refuses what is neither a number nor an extension, so that a
// number can never become another host or another header.
func dialable(number string) error {
	digits := strings.TrimPrefix(number, "+")
	if digits == "" || len(digits) > 32 {
		return fmt.Errorf("%w: it has %d characters, want 1 to 32", ErrNumber, len(digits))
	}

	if strings.ContainsFunc(digits, func(r rune) bool { return !strings.ContainsRune(dialableRunes, r) }) {
		return fmt.Errorf("%w: only digits, letters and the signs *#-_. are dialed", ErrNumber)
	}

	return nil
}

const dialableRunes = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ*#-_."

// trunk is a configured trunk with its calls in progress.
type trunk struct {
	Trunk

	calls atomic.Int64
	tally tally
	pace  *throttle.Bucket // new calls both ways
	proof *digest.Server   // checks what it must prove; nil when that is nothing
	proxy *sipgo.Uri       // its Proxy as a loose route; nil for none

	registrar *registrar // nil when it is not registered
	probers   []*prober  // of its targets, in their order; none when they are not asked
}

// newTrunk makes the entry of a trunk that validate has passed.
func newTrunk(t Trunk) *trunk {
	entry := &trunk{Trunk: t, pace: throttle.New(t.CallsPerSecond, 0)}
	if proxy, err := parseTarget(t.Proxy); err == nil {
		proxy.UriParams.Add("lr", "")
		entry.proxy = proxy
	}

	if !t.Challenge.IsZero() {
		var algorithms []digest.Algorithm
		if t.ChallengeMD5 {
			algorithms = []digest.Algorithm{digest.MD5}
		}

		entry.proof = digest.NewServer("trunkline", t.Challenge, algorithms...)
	}

	return entry
}

func (t *Trunk) validate() error {
	var errs []error

	if len(t.Sources) == 0 && len(t.Certificates) == 0 && t.Register == nil {
		errs = append(errs, fmt.Errorf("trunk %q has no source prefix and no certificate: its calls could not be told from strangers'", t.Name))
	}

	if r := t.Register; r != nil {
		if _, err := parseTarget(r.Registrar); err != nil {
			errs = append(errs, fmt.Errorf("trunk %q: registrar %q: %w", t.Name, r.Registrar, err))
		}

		if r.User == "" && t.Account.User == "" {
			errs = append(errs, fmt.Errorf("trunk %q: nothing to register: give the registration or the account a user", t.Name))
		}
	}

	if t.MaxCalls < 0 {
		errs = append(errs, fmt.Errorf("trunk %q: the call limit %d is negative", t.Name, t.MaxCalls))
	}

	for _, target := range t.Targets {
		if _, err := parseTarget(target.URI); err != nil {
			errs = append(errs, fmt.Errorf("trunk %q: target %q: %w", t.Name, target.URI, err))
		}

		if target.Weight < 0 {
			errs = append(errs, fmt.Errorf("trunk %q: target %q: the weight %d is negative", t.Name, target.URI, target.Weight))
		}
	}

	if t.Proxy != "" {
		if _, err := parseTarget(t.Proxy); err != nil {
			errs = append(errs, fmt.Errorf("trunk %q: proxy %q: %w", t.Name, t.Proxy, err))
		}
	}

	if t.Numbers.Format == NumberNational && t.Numbers.Country == "" {
		errs = append(errs, fmt.Errorf("trunk %q: national numbers need the country's code", t.Name))
	}

	return errors.Join(errs...)
}

// redirects says whether a call to a number, as the trunk writes it, may go on
// to a 3xx response's contact. What routing databases add to the number there
// stands behind a semicolon (RFC 4694).
func (t *trunk) redirects(number string) func(contact string) bool {
	return func(contact string) bool {
		uri, err := parseTarget(contact)
		if err != nil {
			return false
		}

		user, _, _ := strings.Cut(uri.User, ";")

		return strings.TrimPrefix(user, "+") == strings.TrimPrefix(number, "+") &&
			slices.ContainsFunc(t.Redirects, func(host string) bool { return strings.EqualFold(host, strings.Trim(uri.Host, "[]")) })
	}
}

// holds reports whether a URI names a place of the trunk's own: an address
// that its calls come from, or the host of its targets or its registrar. All
// that goes through a proxy does; of a trunk whose calls come from anywhere,
// not every place does.
func (t *trunk) holds(uri *sipgo.Uri) bool {
	if t.proxy != nil {
		return true
	}

	if addr, err := netip.ParseAddr(strings.Trim(uri.Host, "[]")); err == nil {
		if slices.ContainsFunc(t.Sources, func(p netip.Prefix) bool { return p.Bits() > 0 && p.Contains(addr.Unmap()) }) {
			return true
		}
	}

	own := make([]string, 0, len(t.Targets)+1)
	for _, target := range t.Targets {
		own = append(own, target.URI)
	}

	if t.Register != nil {
		own = append(own, t.Register.Registrar)
	}

	return slices.ContainsFunc(own, func(text string) bool {
		u, err := parseTarget(text)

		return err == nil && strings.EqualFold(u.Host, uri.Host)
	})
}

// parseTarget reads a URI that requests may be sent to.
func parseTarget(text string) (*sipgo.Uri, error) {
	uri, err := parseURI(text)
	if err != nil {
		return nil, fmt.Errorf("not a SIP URI: %w", err)
	}

	if uri.Scheme != "sip" && uri.Scheme != "sips" || uri.Host == "" {
		return nil, errors.New("not a URI of the form sip:user@host[:port][;transport=udp|tcp|tls]")
	}

	return uri, nil
}
