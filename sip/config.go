package sip

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"trunkline/media/dtls"
	"trunkline/media/g711"
	"trunkline/sip/hep"
	"trunkline/sip/sdp"
	"trunkline/sip/session"
	"trunkline/stir"
)

// Config says how a UA is reached, by whom, and what it offers.
type Config struct {
	Listen []Listen
	Trunks []Trunk
	Media  Media // opens the audio of each call; see RTP

	// Advertise is the address that Contact, Via and SDP name. It may be left
	// zero when every listener is bound to one specified address.
	Advertise netip.Addr
	Codecs    []g711.Codec // most preferred first; empty means PCMU, PCMA
	UserAgent string       // of the Server and User-Agent headers; empty means "trunkline"
	Log       *slog.Logger
	TLS       TLS
	// Fingerprint is that of the certificate by which Media makes keys; zero:
	// no call has ICE and DTLS.
	Fingerprint dtls.Fingerprint
	Origins     []string // of the pages that may open WebSockets, such as "https://phone.example.net"

	MaxCalls      int // calls of all trunks at once, beyond which INVITEs get 503; 0 means 1000
	ReceiveBuffer int // bytes wanted for each UDP socket's receive buffer; 0 means 4 MiB
	MaxMessage    int // bytes of a message; 0 means 16 KiB
	MaxHeaders    int // header lines of a message; 0 means 128
	Limits        Limits
	Timers        Timers

	Verifier   Verifier     // of callers' identities; nil: none is checked
	Signer     *stir.Signer // of our calls; nil: none is signed
	Session    SessionTimer
	Exporter   Exporter // takes copies of all messages; nil: nobody does
	NoReliable bool     // provisional responses are never confirmed (RFC 3262), by us or by the far end
}

// An Exporter takes copies of messages: of those received from whom we know,
// once they parse, and of those sent.
type Exporter interface {
	// Export returns at once and does not keep m.Text. It may be called from
	// any goroutine.
	Export(m hep.Message)
}

// Listen is an address to be reached at.
type Listen struct {
	Network string // "udp", "tcp", "tls", "ws" or "wss"
	Addr    string // host:port; port 0 lets the kernel choose
}

// Audio says what is offered and agreed beside the codecs.
type Audio struct {
	ComfortNoise bool          // of the agent's silence we send comfort noise (RFC 3389), to far ends that take it
	Mux          bool          // our offers ask for RTP and RTCP on one port (RFC 5761); theirs are taken anyway
	Ptime        time.Duration // packet length that our offers ask for, 10 to 100 ms; 0 means 20 ms
}

// SRTP says how a call's audio is protected. Keys that stand in the descriptions
// let whoever reads the signalling hear the call: they are taken and sent over
// TLS only, unless PlainSignalling allows them anywhere. Keys that DTLS makes do
// not, and Security does not bear on them.
type SRTP struct {
	Security        sdp.Security
	PlainSignalling bool
	Keying          Keying
}

// Keying says where the keys of SRTP come from.
type Keying uint8

// The choices of Keying.
const (
	KeyingAuto Keying = iota // from DTLS for browsers, whose calls come over WebSocket; else the descriptions
	KeyingSDES               // from the descriptions only (RFC 4568)
	KeyingDTLS               // from DTLS only (RFC 5763), with ICE: other calls are refused
)

// TLS is what connections are encrypted with. Both are needed for listeners
// of tls and wss; certificates are renewed behind the configurations'
// callbacks, without the UA's knowledge.
type TLS struct {
	Server *tls.Config
	Client *tls.Config // the name to verify is put in for each connection
}

// Timers are the timers of RFC 3261 that belong to dialogs. Those of
// transactions are sipgo's, for the whole process, with the RFC's defaults.
type Timers struct {
	T1 time.Duration // round-trip estimate, first interval of retransmitted 2xx responses; 0 means 500 ms
	T2 time.Duration // longest such interval; 0 means 4 s
}

// giveUp is how long a 2xx response is retransmitted and an unanswered
// exchange is waited for: 64*T1.
func (t Timers) giveUp() time.Duration { return 64 * t.T1 }

func (c *Config) setDefaults() {
	setDefault(&c.UserAgent, "trunkline")
	setDefault(&c.MaxCalls, 1000)
	setDefault(&c.ReceiveBuffer, 4<<20)
	setDefault(&c.MaxMessage, 16<<10)
	setDefault(&c.MaxHeaders, 128)
	setDefault(&c.Timers.T1, 500*time.Millisecond)
	setDefault(&c.Timers.T2, 4*time.Second)
	setDefault(&c.Session.Interval, 30*time.Minute)
	setDefault(&c.Session.Minimum, session.LowestMinimum)

	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate says what in the configuration cannot work, naming every fault.
func (c *Config) Validate() error {
	var errs []error

	if len(c.Listen) == 0 {
		errs = append(errs, errors.New("no listener: give at least one address to listen on"))
	}

	for _, l := range c.Listen {
		errs = append(errs, l.validate(c.Advertise))

		if (l.Network == "tls" || l.Network == "wss") && (c.TLS.Server == nil || c.TLS.Client == nil) {
			errs = append(errs, fmt.Errorf("listener %s %s has no certificate", l.Network, l.Addr))
		}
	}

	names := make(map[string]bool)

	for _, t := range c.Trunks {
		if t.Name == "" || names[t.Name] {
			errs = append(errs, fmt.Errorf("trunk name %q is empty or used twice", t.Name))
		}

		names[t.Name] = true

		if t.SRTP.Keying == KeyingDTLS && c.Fingerprint.IsZero() {
			errs = append(errs, fmt.Errorf("trunk %q makes keys by DTLS, and there is no certificate for that", t.Name))
		}

		errs = append(errs, t.validate())
	}

	errs = append(errs, c.Session.validate())

	if c.Media == nil {
		errs = append(errs, errors.New("no media: calls would have no audio"))
	}

	if c.Advertise.IsValid() && (c.Advertise.IsUnspecified() || c.Advertise.IsMulticast()) {
		errs = append(errs, fmt.Errorf("advertised address %s is not a host's address", c.Advertise))
	}

	return errors.Join(errs...)
}

func (l Listen) validate(advertise netip.Addr) error {
	if !slices.Contains([]string{"udp", "tcp", "tls", "ws", "wss"}, l.Network) {
		return fmt.Errorf("listener network %q is none of udp, tcp, tls, ws and wss", l.Network)
	}

	host, _, err := net.SplitHostPort(l.Addr)
	if err != nil {
		return fmt.Errorf("listener address %q: %w", l.Addr, err)
	}

	addr, err := netip.ParseAddr(host)
	unspecified := host == "" || err == nil && addr.IsUnspecified()

	if unspecified && !advertise.IsValid() {
		return fmt.Errorf("listener %s %s covers all addresses: say which one to advertise to the far end", l.Network, l.Addr)
	}

	return nil
}
