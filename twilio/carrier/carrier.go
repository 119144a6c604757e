package carrier

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media/clock"
)

// Options sets up a Carrier. The zero value of a field means its default.
type Options struct {
	AccountSID string // default: made up
	AuthToken  string // default: made up
	Numbers    []Number
	// Tunnel says where a public host of the gateway, HOST or HOST:PORT, is
	// reached: HOST:PORT without TLS. Requests to others are not made, but to
	// loopback.
	Tunnel map[string]string
	// Phone is who answers a number that is called; nil: phones that ring for
	// a moment, answer and listen.
	Phone func(number string) Phone

	CallsPerSecond float64 // of calls by REST; default 1; those beyond wait
	Queue          int     // calls that may wait; default a day's (86400 s * CallsPerSecond)
	Concurrency    int     // calls at once; 0: no bound
	Requests       int     // REST requests at once; default 100

	// Refused are numbers that cannot be called, with the error's code.
	Refused map[string]int

	Delay  time.Duration // each way between the carrier and the gateway, of a stream's messages
	Jitter time.Duration // added to Delay at random, up to this; messages stay in order
	Seed   uint64        // of all chance

	Trouble Trouble
	Listen  net.Listener // of the REST API; default: a free port of 127.0.0.1
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	Log     *slog.Logger
}

// Number is an incoming number of the account.
type Number struct {
	SID                  string // default: made up
	Number               string // E.164
	VoiceURL             string
	VoiceMethod          string // default POST
	VoiceFallbackURL     string
	StatusCallback       string
	StatusCallbackMethod string // default POST
}

// Carrier is the server. Its methods may be called from any goroutine.
type Carrier struct {
	o      Options
	clock  *clock.Clock
	http   *http.Client
	dialer websocket.Dialer
	server http.Server
	listen net.Listener
	work   sync.WaitGroup
	ctx    context.Context // ends when the carrier stops
	stop   context.CancelCauseFunc
	slots  chan struct{} // wakes the queue of calls

	mu       sync.Mutex
	chance   *mathrand.Rand
	calls    []*Call // in the order of their creation
	waiting  []*Call // for their turn, oldest first
	numbers  []Number
	alerts   []Alert
	requests int // REST requests that run
	rooms    map[string]*room
	tunnel   map[string]string
	stopped  bool
}

// errStopped ends calls when the carrier stops.
var errStopped = errors.New("the carrier stopped")

// New makes a Carrier that does not run yet.
func New(o Options) *Carrier {
	if o.AccountSID == "" {
		o.AccountSID = sid("AC")
	}
	if o.AuthToken == "" {
		o.AuthToken = sid("")
	}
	if o.CallsPerSecond == 0 {
		o.CallsPerSecond = 1
	}
	if o.Queue == 0 {
		o.Queue = int(86400 * o.CallsPerSecond)
	}
	if o.Requests == 0 {
		o.Requests = 100
	}
	if o.Phone == nil {
		o.Phone = func(string) Phone { return Phone{Rings: 50 * time.Millisecond} }
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Carrier{
		o: o, clock: clock.New(clock.Options{}), slots: make(chan struct{}, 1),
		chance: mathrand.New(mathrand.NewPCG(o.Seed, o.Seed)), numbers: slices.Clone(o.Numbers), rooms: map[string]*room{},
		tunnel: map[string]string{},
	}
	maps.Copy(c.tunnel, o.Tunnel)
	c.ctx, c.stop = context.WithCancelCause(context.Background())
	for i := range c.numbers {
		n := &c.numbers[i]
		if n.SID == "" {
			n.SID = sid("PN")
		}
		if n.VoiceMethod == "" {
			n.VoiceMethod = http.MethodPost
		}
		if n.StatusCallbackMethod == "" {
			n.StatusCallbackMethod = http.MethodPost
		}
	}
	c.http = &http.Client{
		Transport:     &http.Transport{DialContext: c.through, DisableCompression: true, MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.dialer = websocket.Dialer{NetDialContext: c.through, HandshakeTimeout: handshakeTime}
	c.server = http.Server{Handler: c.api(), ReadHeaderTimeout: 5 * time.Second}

	return c
}

// Start serves the REST API. A Carrier starts once.
func (c *Carrier) Start() error {
	c.listen = c.o.Listen
	if c.listen == nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("carrier: %w", err)
		}
		c.listen = l
	}
	if err := c.clock.Start(); err != nil {
		return err
	}
	c.work.Go(func() { _ = c.server.Serve(c.listen) }) // ends by Stop alone
	c.work.Go(c.dialWaiting)

	return nil
}

// Stop ends all calls and waits until nothing is left of them. It may be
// called twice, and before Start.
func (c *Carrier) Stop() {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	c.stop(errStopped)
	_ = c.server.Close()
	c.work.Wait()
	c.clock.Stop()
	c.http.CloseIdleConnections()
}

// goUnlessStopped runs f beside the carrier; it reports whether it did.
func (c *Carrier) goUnlessStopped(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return false
	}
	c.work.Go(f)

	return true
}

// URL is where the REST API is served.
func (c *Carrier) URL() string { return "http://" + c.listen.Addr().String() }

// Tunnel adds to Options.Tunnel, or changes it.
func (c *Carrier) Tunnel(public, to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tunnel[public] = to
}

// AccountSID names the account.
func (c *Carrier) AccountSID() string { return c.o.AccountSID }

// AuthToken is the account's secret.
func (c *Carrier) AuthToken() string { return c.o.AuthToken }

// Calls are all calls so far, oldest first.
func (c *Carrier) Calls() []*Call {
	c.mu.Lock()
	defer c.mu.Unlock()

	return slices.Clone(c.calls)
}

// Call finds a call; nil when there is none.
func (c *Carrier) Call(sid string) *Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, call := range c.calls {
		if call.SID == sid {
			return call
		}
	}

	return nil
}

// Alert is something that Twilio's debugger would show.
type Alert struct {
	Code int // https://www.twilio.com/docs/api/errors
	Call string
	Text string
}

// Codes of alerts and of REST errors that the carrier raises.
const (
	codeRetrieval     = 11200 // a webhook did not answer with 200
	codeNoConnection  = 11205 // a webhook could not be reached
	codeContentType   = 12300 // neither XML nor audio
	codeBadDocument   = 12100 // not well-formed
	codeUnknownVerb   = 12200 // not TwiML
	codeStreamTimeout = 31901
	codeHandshake     = 31920
	codeStreamClosed  = 31921
	codeStreamScheme  = 31922
	codeStreamURL     = 31923
	codeStreamMessage = 31950
)

// Alerts are all alerts so far, oldest first.
func (c *Carrier) Alerts() []Alert {
	c.mu.Lock()
	defer c.mu.Unlock()

	return slices.Clone(c.alerts)
}

func (c *Carrier) alertf(call string, code int, format string, args ...any) {
	a := Alert{Code: code, Call: call, Text: fmt.Sprintf(format, args...)}
	c.o.Log.Warn("alert", slog.Int("code", a.Code), slog.String("call", a.Call), slog.String("text", a.Text))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alerts = append(c.alerts, a)
}

// within is a duration up to most, by chance.
func (c *Carrier) within(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()

	return time.Duration(c.chance.Int64N(int64(most) + 1))
}

// chances reports whether something with this probability happens.
func (c *Carrier) chances(p float64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.chance.Float64() < p
}

// through connects to where the tunnel leads.
func (c *Carrier) through(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{address, host} {
		c.mu.Lock()
		to, ok := c.tunnel[name]
		c.mu.Unlock()
		if ok {
			return c.o.Dial(ctx, network, to)
		}
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return c.o.Dial(ctx, network, net.JoinHostPort(host, port))
	}

	return nil, fmt.Errorf("no tunnel leads to %s", address)
}

// sid makes an identifier.
func sid(prefix string) string {
	b := make([]byte, 16)
	_, _ = io.ReadFull(rand.Reader, b) // never fails

	return prefix + hex.EncodeToString(b)
}
