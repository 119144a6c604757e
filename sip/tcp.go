package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	maxConnections = 1024             // of one TCP listener; trunks reuse a few
	writeLimit     = 5 * time.Second  // for one message to leave; a peer that does not read loses its connection
	messageLimit   = 32 * time.Second // for a message to arrive once it has begun
)

// tcpListener serves one TCP listener and the connections of its port.
type tcpListener struct {
	ua         *UA
	ln         net.Listener
	advertised netip.AddrPort

	mu     sync.Mutex
	conns  map[netip.AddrPort]*tcpConn
	closed bool
}

// tcpConn is one connection, accepted or dialed.
type tcpConn struct {
	owner *tcpListener
	conn  net.Conn
	peer  netip.AddrPort
	mu    sync.Mutex // one message at a time
}

func (c *tcpConn) network() string { return "TCP" }

func (c *tcpConn) sentBy() netip.AddrPort { return c.owner.advertised }

// send writes one message. A connection that fails once is of no more use.
func (c *tcpConn) send(data []byte, _ netip.AddrPort) error {
	c.mu.Lock()
	defer c.mu.Unlock()

	err := c.conn.SetWriteDeadline(time.Now().Add(writeLimit))
	if err == nil {
		_, err = c.conn.Write(data)
	}

	if err != nil {
		c.conn.Close()
		return fmt.Errorf("sip: send to tcp %s: %w", c.peer, err)
	}

	return nil
}

func (l *tcpListener) stats() SocketStats {
	l.mu.Lock()
	defer l.mu.Unlock()

	return SocketStats{Network: "tcp", Local: l.ln.Addr().String(), Connections: len(l.conns)}
}

// serve accepts until the listener is closed. A stranger's connection is
// reset without a byte.
func (l *tcpListener) serve() {
	for {
		conn, err := l.ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}

			l.ua.log.Warn("tcp accept", slog.Any("error", err))
			time.Sleep(10 * time.Millisecond) // out of descriptors: do not spin

			continue
		}

		peer := addrPort(conn.RemoteAddr())

		from, ok := l.ua.gate.admit(peer.Addr(), time.Now())
		if !ok {
			l.ua.count.strangers.Add(1)
			reset(conn)

			continue
		}

		if _, err := l.adopt(conn, peer, from); err != nil {
			l.ua.count.overloaded.Add(1)
			reset(conn)
		}
	}
}

func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it the stranger gets a FIN instead of a reset, no more
	}

	conn.Close()
}

// adopt registers an open connection and starts its reader.
func (l *tcpListener) adopt(conn net.Conn, peer netip.AddrPort, from source) (*tcpConn, error) {
	c := &tcpConn{owner: l, conn: conn, peer: peer}

	l.mu.Lock()
	defer l.mu.Unlock()

	if l.closed || len(l.conns) >= maxConnections {
		return nil, errClosed
	}

	if open, ok := l.conns[peer]; ok { // dialed twice at once
		conn.Close()
		return open, nil
	}

	l.conns[peer] = c

	if !l.ua.readers.spawn(func() { c.serve(from) }) {
		delete(l.conns, peer)
		return nil, errClosed
	}

	return c, nil
}

// connect finds an open connection to peer or dials one.
func (l *tcpListener) connect(ctx context.Context, peer netip.AddrPort) (*tcpConn, error) {
	l.mu.Lock()
	c, ok := l.conns[peer]
	l.mu.Unlock()

	if ok {
		return c, nil
	}

	conn, err := l.ua.net.dial(ctx, peer)
	if err != nil {
		return nil, fmt.Errorf("sip: connect to tcp %s: %w", peer, err)
	}

	from, _ := l.ua.gate.admit(peer.Addr(), time.Now())

	c, err = l.adopt(conn, peer, from)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("sip: connect to tcp %s: %w", peer, err)
	}

	return c, nil
}

// open reports whether the connection can still be used.
func (c *tcpConn) open() bool {
	c.owner.mu.Lock()
	defer c.owner.mu.Unlock()

	return c.owner.conns[c.peer] == c
}

// serve reads messages until the connection ends.
func (c *tcpConn) serve(from source) {
	ua := c.owner.ua

	defer func() {
		c.owner.mu.Lock()
		if c.owner.conns[c.peer] == c {
			delete(c.owner.conns, c.peer)
		}
		c.owner.mu.Unlock()
		c.conn.Close()
	}()

	frames := newFramer(c.conn, ua.cfg.MaxMessage)
	pong := func() error {
		ua.count.keepAlives.Add(1)
		return c.send([]byte("\r\n"), c.peer)
	}

	for {
		if err := frames.wait(pong); err != nil {
			return
		}

		if err := c.conn.SetReadDeadline(time.Now().Add(messageLimit)); err != nil {
			return
		}

		data, err := frames.next()
		if err != nil {
			c.unframed(data, err)
			return
		}

		if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
			return
		}

		if reply := ua.receive(c, c.peer, from, data); reply != nil {
			_ = (&link{ua: ua, sock: c, to: c.peer}).write(reply) // counted by write; the read ends the connection
			return                                                // after a malformed message the stream is not to be trusted
		}
	}
}

// unframed counts and answers a message whose end cannot be found.
func (c *tcpConn) unframed(data []byte, err error) {
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
func (l *tcpListener) close() {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.closed = true
	l.ln.Close()

	for _, c := range l.conns {
		c.conn.Close()
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}

	ap := tcp.AddrPort()

	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
