package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/ladder"

	"trunkline/sip/digest"
	"trunkline/sip/locate"
)

// A Handler takes calls.
type Handler interface {
	// Incoming is called in its own goroutine for each INVITE that is
	// acceptable. It may return before the call ends. A call that is neither
	// answered nor rejected by then is rejected with 480.
	Incoming(d *Dialog)
}

// A Ringer is a Handler that tells at once whether it will take a call. The
// caller of one that it takes is told 180 by the goroutine that read the INVITE,
// in place of 100 and before anything else is done for the call, so that the
// ringing waits for no other goroutine. Only a caller whose identity must be
// proven first is not.
type Ringer interface {
	Handler

	// Rings must not wait: nothing else is read meanwhile. What it says binds
	// nobody; Incoming comes next in any case.
	Rings(i *Info) bool
}

// UA is a SIP user agent. Make one with New.
type UA struct {
	cfg     Config
	log     *slog.Logger
	handler Handler
	ringer  Ringer // the same; nil when it is none
	gate    *gate
	table   *transactions
	net     network
	count   counters

	life context.Context // ends when what is left of the signalling is cut off
	cut  context.CancelFunc

	draining atomic.Bool
	calls    atomic.Int64  // inbound calls in progress
	stopping chan struct{} // closed when calls are to end

	readers  group // sockets and client transactions
	work     group // dialogs and the requests that they send
	handlers group // the application's goroutines
	chores   group // registrars and probers

	leaving context.Context // ends when no new calls are taken any more
	leave   context.CancelFunc

	mu      sync.Mutex
	state   lifecycle
	stopped chan struct{} // closed when Stop has finished
	udp     []*udpSocket
	streams []*streamListener
	dialogs map[dialogID]*Dialog
	ladders map[string]*ladder.Ring // of running calls, by Call-ID

	penalties locate.Penalties
	admission *admission
	accounts  map[string]*digest.Client // of calls whose far end may ask who we are, by Call-ID
}

type lifecycle uint8

const (
	idle lifecycle = iota
	running
	ended
)

// network opens sockets. Tests put memory in the place of the kernel.
type network struct {
	packet func(ctx context.Context, addr string, buffer int) (packetConn, error)
	stream func(ctx context.Context, addr string) (net.Listener, error)
	dial   func(ctx context.Context, peer netip.AddrPort) (net.Conn, error)
	names  locate.Lookup
}

// dialLimit bounds the opening of a connection to the far end.
const dialLimit = 5 * time.Second

func kernelNetwork() network {
	return network{
		packet: listenUDP,
		stream: func(ctx context.Context, addr string) (net.Listener, error) {
			ln, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
			if err != nil {
				return nil, fmt.Errorf("sip: listen on %s: %w", addr, err)
			}

			return ln, nil
		},
		dial: func(ctx context.Context, peer netip.AddrPort) (net.Conn, error) {
			dialer := net.Dialer{Timeout: dialLimit}

			return dialer.DialContext(ctx, "tcp", peer.String())
		},
		names: locate.NewDNS(),
	}
}

// New makes a user agent. It opens nothing yet. handler may be nil for a UA
// that only places calls; inbound calls are then rejected with 480.
func New(cfg Config, handler Handler) (*UA, error) {
	cfg.setDefaults()

	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("sip: configuration: %w", err)
	}

	life, cut := context.WithCancel(context.Background())
	leaving, leave := context.WithCancel(life)

	ua := &UA{
		life:      life,
		cut:       cut,
		leaving:   leaving,
		leave:     leave,
		admission: newAdmission(&cfg.Limits),
		cfg:       cfg,
		log:       cfg.Log,
		handler:   handler,
		gate:      newGate(cfg.Trunks),
		table:     newTransactions(),
		net:       kernelNetwork(),
		stopping:  make(chan struct{}),
		stopped:   make(chan struct{}),
		dialogs:   make(map[dialogID]*Dialog),
		ladders:   make(map[string]*ladder.Ring),
		accounts:  make(map[string]*digest.Client),
	}

	ua.ringer, _ = handler.(Ringer)

	return ua, ua.staff()
}

// staff gives each trunk its registrar, and its targets those who ask
// whether they are up.
func (ua *UA) staff() error {
	var err error

	for _, t := range ua.gate.trunks {
		if t.Register != nil {
			if t.registrar, err = newRegistrar(ua, t); err != nil {
				return err
			}
		}

		if t.Probes.Every <= 0 {
			continue
		}

		for _, target := range t.Targets {
			p, err := newProber(ua, t, target)
			if err != nil {
				return err
			}

			t.probers = append(t.probers, p)
		}
	}

	return nil
}

// Start opens all listeners and begins to serve. On an error nothing is left
// open.
func (ua *UA) Start() error {
	ua.mu.Lock()
	defer ua.mu.Unlock()

	if ua.state != idle {
		return errors.New("sip: start: a user agent starts once")
	}

	for _, l := range ua.cfg.Listen {
		if err := ua.listen(ua.life, l); err != nil {
			ua.closeSockets()
			return err
		}
	}

	for _, s := range ua.udp {
		ua.readers.spawn(s.serve)
	}

	for _, l := range ua.streams {
		ua.readers.spawn(l.serve)
	}

	for _, t := range ua.gate.trunks {
		if t.registrar != nil {
			ua.chores.spawn(t.registrar.run)
		}

		for _, p := range t.probers {
			ua.chores.spawn(p.run)
		}
	}

	ua.state = running

	return nil
}

func (ua *UA) listen(ctx context.Context, l Listen) error {
	switch l.Network {
	case "udp":
		conn, err := ua.net.packet(ctx, l.Addr, ua.cfg.ReceiveBuffer)
		if err != nil {
			return err
		}

		s := &udpSocket{ua: ua, conn: conn, advertised: ua.advertised(conn.addr())}
		ua.udp = append(ua.udp, s)
		ua.log.Info("listening", slog.String("network", "udp"), slog.String("addr", conn.addr().String()),
			slog.Int("receive_buffer", conn.buffer()))

		if conn.buffer() < ua.cfg.ReceiveBuffer {
			ua.log.Warn("the kernel gave a smaller receive buffer than wanted: raise net.core.rmem_max",
				slog.Int("wanted", ua.cfg.ReceiveBuffer), slog.Int("given", conn.buffer()))
		}
	default:
		ln, err := ua.net.stream(ctx, l.Addr)
		if err != nil {
			return err
		}

		ua.streams = append(ua.streams, newStreamListener(ua, strings.ToUpper(l.Network), ln))
		ua.log.Info("listening", slog.String("network", l.Network), slog.String("addr", ln.Addr().String()))
	}

	return nil
}

// advertised is the address that a listener is known by.
func (ua *UA) advertised(bound netip.AddrPort) netip.AddrPort {
	if ua.cfg.Advertise.IsValid() {
		return netip.AddrPortFrom(ua.cfg.Advertise.Unmap(), bound.Port())
	}

	return netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())
}

func (ua *UA) closeSockets() {
	for _, s := range ua.udp {
		if err := s.conn.Close(); err != nil {
			ua.log.Warn("closing a UDP socket", slog.Any("error", err))
		}
	}

	for _, l := range ua.streams {
		l.close()
	}
}

// Addr is the address of the first listener of a network, such as "udp", as
// it is advertised. It is zero when there is none, and before Start.
func (ua *UA) Addr(network string) netip.AddrPort {
	ua.mu.Lock()
	defer ua.mu.Unlock()

	if network == "udp" && len(ua.udp) > 0 {
		return ua.udp[0].advertised
	}

	for _, l := range ua.streams {
		if strings.EqualFold(l.transport, network) {
			return l.advertised
		}
	}

	return netip.AddrPort{}
}

// Drain lets calls in progress go on, and refuses new ones with 503. OPTIONS
// get 503 too, and registrars are told to forget us, so that calls go
// elsewhere. It cannot be undone.
func (ua *UA) Drain() {
	ua.draining.Store(true)
	ua.leave()
}

// Stop hangs up all calls, waits for their ends and for the Handler's
// goroutines, and closes the sockets. When ctx ends first, what is left of
// the signalling is cut off, and Stop returns the context's error if Handlers
// still run. It may be called twice, and before Start.
func (ua *UA) Stop(ctx context.Context) error {
	ua.Drain()

	ua.mu.Lock()
	first := ua.state != ended
	ua.state = ended
	ua.mu.Unlock()

	if !first {
		select {
		case <-ua.stopped:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("sip: stop: %w", context.Cause(ctx))
		}
	}

	defer close(ua.stopped)

	close(ua.stopping)
	ua.handlers.close()
	ua.chores.close()

	calls := make(chan struct{})

	go func() {
		defer close(calls)
		ua.work.wait()
		ua.handlers.wait()
		ua.chores.wait()
	}()

	var err error

	select {
	case <-calls:
	case <-ctx.Done():
		err = ctx.Err()
	}

	ua.cut()
	ua.work.close()
	ua.table.close()
	ua.work.wait()
	ua.chores.wait()
	ua.closeSockets()
	ua.readers.close()
	ua.readers.wait()

	if err == nil {
		return nil
	}

	select {
	case <-calls:
		return nil
	case <-time.After(cutWithin):
		return fmt.Errorf("sip: stop: calls' handlers still run: %w", err)
	}
}

// cutWithin is how long the goroutines of Handlers may take to notice that
// their calls were cut off.
const cutWithin = time.Second

// Stats is a snapshot of the counters.
func (ua *UA) Stats() Stats {
	c := &ua.count
	s := Stats{
		Requests:      make(map[string]uint64),
		Responses:     make(map[int]uint64),
		Sent:          c.sent.Load(),
		SendFails:     c.sendFails.Load(),
		Strangers:     c.strangers.Load(),
		Scanners:      c.scanners.Load(),
		Throttled:     c.throttled.Load(),
		Malformed:     c.malformed.Load(),
		TooLarge:      c.tooLarge.Load(),
		KeepAlives:    c.keepAlives.Load(),
		Handshakes:    c.handshakes.Load(),
		Overloaded:    c.overloaded.Load(),
		Unmatched:     c.unmatched.Load(),
		Transactions:  ua.table.size(),
		Calls:         make(map[string]int),
		Retransmitted: c.retransmitted.Load(),
		NoACK:         c.noACKs.Load(),
		Refreshes:     c.refreshes.Load(),
	}

	c.mu.Lock()
	for method, n := range c.requests {
		s.Requests[method] = n
	}

	for status, n := range c.responses {
		s.Responses[status] = n
	}
	c.mu.Unlock()

	ua.mu.Lock()
	defer ua.mu.Unlock()

	for _, u := range ua.udp {
		s.Sockets = append(s.Sockets, u.stats())
	}

	for _, l := range ua.streams {
		s.Sockets = append(s.Sockets, l.stats())
	}

	s.Dialogs = len(ua.dialogs)
	for _, d := range ua.dialogs {
		s.Calls[d.info.Trunk]++
	}

	return s
}

// register makes a dialog known to its requests.
func (ua *UA) register(id dialogID, d *Dialog) {
	ua.mu.Lock()
	defer ua.mu.Unlock()

	ua.dialogs[id] = d
}

func (ua *UA) unregister(id dialogID) {
	ua.mu.Lock()
	defer ua.mu.Unlock()

	delete(ua.dialogs, id)
}

// dialog finds the dialog that a request of the far end belongs to.
func (ua *UA) dialog(req *sipgo.Request) *Dialog {
	id := dialogID{
		callID: req.CallID().Value(), localTag: tagOf(req.To().Params), remoteTag: tagOf(req.From().Params),
	}

	ua.mu.Lock()
	defer ua.mu.Unlock()

	return ua.dialogs[id]
}
