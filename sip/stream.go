package sip

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"trunkline/sip/locate"
)

const (
	maxConnections  = 1024             // of one listener; trunks reuse a few
	maxGreetings    = 64               // connections of one listener that have yet to finish their handshakes
	writeLimit      = 5 * time.Second  // for one message to leave; a peer that does not read loses its connection
	messageLimit    = 32 * time.Second // for a message to arrive once it has begun
	handshakeLimit  = 5 * time.Second  // of TLS and of WebSocket
	acceptRetryWait = 10 * time.Millisecond
)

// messageConn is a connection that carries whole messages.
type messageConn interface {
	// next is the next message, valid until the call after. With one of the
	// framer's errors it is what was read of the message.
	next() ([]byte, error)
	// write sends one message within writeLimit.
	write(data []byte) error
	io.Closer
}

// streamListener serves one listener of TCP, TLS or WebSocket, and the
// connections that are dialed from its side.
type streamListener struct {
	ua         *UA
	transport  string // "TCP", "TLS", "WS" or "WSS", as in Via
	ln         net.Listener
	advertised netip.AddrPort
	security   *tls.Config   // our side of connections that come in, if they are encrypted
	greetings  chan struct{} // one place for each handshake

	mu     sync.Mutex
	conns  map[endpoint]*stream
	closed bool
}

// endpoint identifies a connection: its far end, and the name that the far
// end's certificate was found to show, if we dialed it by TLS.
type endpoint struct {
	peer netip.AddrPort
	name string
}

// stream is one connection, accepted or dialed.
type stream struct {
	owner *streamListener
	conn  messageConn
	endpoint
	since time.Time

	mu   sync.Mutex    // one message at a time
	gone chan struct{} // closed when the connection has ended
}

func newStreamListener(ua *UA, transport string, ln net.Listener) *streamListener {
	l := &streamListener{
		ua: ua, transport: transport, ln: ln, advertised: ua.advertised(addrPort(ln.Addr())), security: ua.cfg.TLS.Server,
		greetings: make(chan struct{}, maxGreetings), conns: make(map[endpoint]*stream),
	}
	if transport == "WSS" {
		l.security = unasked(l.security)
	}

	return l
}

// unasked is a configuration that asks nobody for a certificate: browsers that
// have none give a WebSocket up whose server does.
func unasked(c *tls.Config) *tls.Config {
	c = c.Clone()
	c.ClientAuth = tls.NoClientCert

	if choose := c.GetConfigForClient; choose != nil {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := choose(hello)
			if chosen != nil {
				chosen = unasked(chosen)
			}

			return chosen, err
		}
	}

	return c
}

func (c *stream) network() string { return c.owner.transport }

func (c *stream) sentBy() netip.AddrPort { return c.owner.advertised }

// send writes one message. A connection that fails once is of no more use.
func (c *stream) send(data []byte, _ netip.AddrPort) error {
	c.mu.Lock()
	defer c.mu.Unlock()

	if err := c.conn.write(data); err != nil {
		c.conn.Close()
		return fmt.Errorf("sip: send to %s %s: %w", strings.ToLower(c.network()), c.peer, err)
	}

	return nil
}

func (l *streamListener) stats() SocketStats {
	l.mu.Lock()
	defer l.mu.Unlock()

	return SocketStats{Network: strings.ToLower(l.transport), Local: l.ln.Addr().String(), Connections: len(l.conns)}
}

// serve accepts until the listener is closed. A stranger's connection is
// reset without a byte, unless a certificate may tell that it is a trunk's.
func (l *streamListener) serve() {
	for {
		conn, err := l.ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}

			l.ua.log.Warn("accept", slog.String("network", l.transport), slog.Any("error", err))
			time.Sleep(acceptRetryWait) // out of descriptors: do not spin

			continue
		}

		peer := addrPort(conn.RemoteAddr())

		from, ok := l.ua.gate.admit(peer.Addr(), time.Now())
		if !ok && (!l.encrypted() || !l.ua.gate.certificates) {
			l.ua.stranger(peer.Addr(), nil)
			reset(conn)

			continue
		}

		if l.transport == "TCP" {
			l.enter(conn, newFramed(l.ua, conn), endpoint{peer: peer}, from)
			continue
		}

		l.greet(conn, peer)
	}
}

func (l *streamListener) encrypted() bool { return l.transport == "TLS" || l.transport == "WSS" }

// greet makes the handshakes of an accepted connection in a goroutine of
// their own.
func (l *streamListener) greet(conn net.Conn, peer netip.AddrPort) {
	select {
	case l.greetings <- struct{}{}:
	default:
		l.ua.count.overloaded.Add(1)
		reset(conn)

		return
	}

	started := l.ua.readers.spawn(func() {
		defer func() { <-l.greetings }()

		if err := l.welcome(conn, peer); err != nil {
			l.ua.count.handshakes.Add(1)
			l.ua.log.Debug("handshake", slog.String("network", l.transport), slog.Any("error", err))
			conn.Close()
		}
	})
	if !started {
		<-l.greetings
		conn.Close()
	}
}

// welcome finds out who is there and lets a trunk's connection in.
func (l *streamListener) welcome(conn net.Conn, peer netip.AddrPort) error {
	if err := conn.SetDeadline(time.Now().Add(handshakeLimit)); err != nil {
		return fmt.Errorf("set a deadline: %w", err)
	}

	from, known := l.ua.gate.admit(peer.Addr(), time.Now())

	if l.encrypted() {
		secure := tls.Server(conn, l.security)
		if err := secure.HandshakeContext(l.ua.life); err != nil {
			return fmt.Errorf("TLS: %w", err)
		}

		if certified, ok := l.ua.gate.certified(secure.ConnectionState()); ok {
			from, known = certified, true
		}

		conn = secure
	}

	if !known {
		l.ua.stranger(peer.Addr(), nil)
		conn.Close()

		return nil
	}

	var messages messageConn

	if l.transport == "TLS" {
		messages = newFramed(l.ua, conn)
	} else {
		upgraded, err := upgrade(l.ua, conn)
		if err != nil {
			return err
		}

		messages = upgraded
	}

	if err := conn.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("clear the deadline: %w", err)
	}

	l.enter(conn, messages, endpoint{peer: peer}, from)

	return nil
}

// enter adopts an accepted connection, or resets it when there are too many.
func (l *streamListener) enter(conn net.Conn, messages messageConn, at endpoint, from source) {
	if _, err := l.adopt(messages, at, from); err != nil {
		l.ua.count.overloaded.Add(1)
		reset(conn)
	}
}

func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it the stranger gets a FIN instead of a reset, no more
	}

	conn.Close()
}

// adopt registers an open connection and starts its reader.
func (l *streamListener) adopt(conn messageConn, at endpoint, from source) (*stream, error) {
	c := &stream{owner: l, conn: conn, endpoint: at, since: time.Now(), gone: make(chan struct{})}

	l.mu.Lock()
	defer l.mu.Unlock()

	if l.closed || len(l.conns) >= maxConnections {
		return nil, errClosed
	}

	if open, ok := l.conns[at]; ok { // dialed twice at once
		conn.Close()
		return open, nil
	}

	l.conns[at] = c

	if !l.ua.readers.spawn(func() { c.serve(from) }) {
		delete(l.conns, at)
		return nil, errClosed
	}

	return c, nil
}

// connect finds an open connection to a hop or dials one.
func (l *streamListener) connect(ctx context.Context, hop locate.Hop) (*stream, error) {
	at := endpoint{peer: hop.Addr}
	if l.encrypted() {
		at.name = hop.Name
	}

	l.mu.Lock()
	c, ok := l.conns[at]
	l.mu.Unlock()

	if ok {
		return c, nil
	}

	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()

	conn, err := l.dial(ctx, hop)
	if err != nil {
		return nil, fmt.Errorf("sip: connect to %s %s: %w", strings.ToLower(l.transport), hop.Addr, err)
	}

	from, _ := l.ua.gate.admit(hop.Addr.Addr(), time.Now())

	c, err = l.adopt(conn, at, from)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("sip: connect to %s %s: %w", strings.ToLower(l.transport), hop.Addr, err)
	}

	return c, nil
}

// dial opens a connection. By TLS the far end must show a certificate for the
// hop's name.
func (l *streamListener) dial(ctx context.Context, hop locate.Hop) (messageConn, error) {
	if !canDial(l.transport) {
		return nil, fmt.Errorf("%s is only listened for", l.transport)
	}

	conn, err := l.ua.net.dial(ctx, hop.Addr)
	if err != nil {
		return nil, err
	}

	if l.transport == "TCP" {
		return newFramed(l.ua, conn), nil
	}

	config := l.ua.cfg.TLS.Client.Clone()
	config.ServerName = hop.Name

	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", hop.Name, err)
	}

	return newFramed(l.ua, secure), nil
}

// canDial reports whether connections of a transport are dialed: WebSocket
// clients are browsers, which nobody can dial (RFC 7118 section 5).
func canDial(transport string) bool { return transport == "TCP" || transport == "TLS" }

// open reports whether the connection can still be used.
func (c *stream) open() bool {
	c.owner.mu.Lock()
	defer c.owner.mu.Unlock()

	return c.owner.conns[c.endpoint] == c
}

// serve reads messages until the connection ends.
func (c *stream) serve(from source) {
	ua := c.owner.ua

	defer func() {
		c.owner.mu.Lock()
		if c.owner.conns[c.endpoint] == c {
			delete(c.owner.conns, c.endpoint)
		}
		c.owner.mu.Unlock()
		c.conn.Close()
		close(c.gone)
	}()

	for {
		data, err := c.conn.next()
		if err != nil {
			c.unframed(data, err)
			return
		}

		if !ua.heard(c.peer) {
			continue
		}

		if reply := ua.receive(c, c.peer, from, data); reply != nil {
			_ = (&link{ua: ua, sock: c, to: c.peer}).write(reply) // counted by write; the read ends the connection
			return                                                // after a malformed message the stream is not to be trusted
		}
	}
}

// unframed counts and answers a message whose end cannot be found.
func (c *stream) unframed(data []byte, err error) {
	ua := c.owner.ua

	var f *fault

	switch {
	case errors.Is(err, errFrameSize):
		ua.count.tooLarge.Add(1)

		f = &fault{status: 513, reason: phrase(513)}
	case errors.Is(err, errFrameLength):
		ua.count.malformed.Add(1)

		f = &fault{status: 400, reason: "Missing Or Malformed Content-Length Header"}
	default:
		return // the connection broke off
	}

	if reply, ok := rawReply(data, c.peer, f); ok {
		_ = (&link{ua: ua, sock: c, to: c.peer}).write(reply) // counted by write; the connection ends anyway
	}
}

// close ends the listener and all connections; their readers return.
func (l *streamListener) close() {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.closed = true
	l.ln.Close()

	for _, c := range l.conns {
		c.conn.Close()
	}
}

// framed is a byte stream, TCP or TLS, that is split into messages.
type framed struct {
	net.Conn

	frames *framer
	ua     *UA
}

func newFramed(ua *UA, conn net.Conn) *framed {
	return &framed{Conn: conn, frames: newFramer(conn, ua.cfg.MaxMessage), ua: ua}
}

// pong answers a keep-alive.
func (f *framed) pong() error {
	f.ua.count.keepAlives.Add(1)

	return f.write([]byte("\r\n"))
}

func (f *framed) next() ([]byte, error) {
	if err := f.frames.wait(f.pong); err != nil {
		return nil, err
	}

	if err := f.SetReadDeadline(time.Now().Add(messageLimit)); err != nil {
		return nil, fmt.Errorf("set a deadline: %w", err)
	}

	data, err := f.frames.next()
	if err != nil {
		return data, err
	}

	if err := f.SetReadDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("clear the deadline: %w", err)
	}

	return data, nil
}

func (f *framed) write(data []byte) error {
	if err := f.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return fmt.Errorf("set a deadline: %w", err)
	}

	_, err := f.Write(data)

	return err
}

func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}

	ap := tcp.AddrPort()

	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
