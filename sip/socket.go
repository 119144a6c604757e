package sip

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"sync"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/locate"
)

// errClosed is the error of a socket that is no longer open.
var errClosed = errors.New("socket closed")

// A socket sends messages: a UDP socket to any address, a connection to its
// peer.
type socket interface {
	network() string // "UDP", "TCP", "TLS", "WS" or "WSS", as in Via
	// sentBy is the address that Via and Contact name: advertised address,
	// listening port.
	sentBy() netip.AddrPort
	// send transmits one message. A connection ignores to.
	send(data []byte, to netip.AddrPort) error
}

// link is the path of one transaction's messages. It is sipgo's view of a
// connection; sockets outlive transactions, so reference counts mean nothing
// here.
type link struct {
	ua   *UA
	sock socket
	to   netip.AddrPort
	hop  locate.Hop // of a request of ours that was located; zero for others
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// encode writes a message into a buffer of the pool.
func encode(msg sipgo.Message) *bytes.Buffer {
	buf, ok := buffers.Get().(*bytes.Buffer)
	if !ok {
		buf = new(bytes.Buffer)
	}

	buf.Reset()
	msg.StringWrite(buf)

	return buf
}

// WriteMsg sends msg to the link's end.
func (l *link) WriteMsg(msg sipgo.Message) error {
	buf := encode(msg)
	defer buffers.Put(buf)

	return l.transmit(msg.CallID(), buf.Bytes())
}

// transmit sends the text of a message of a call, and shows it to those who
// look on.
func (l *link) transmit(call *sipgo.CallIDHeader, text []byte) error {
	id := callOf(call)
	l.ua.remember(id, true, l.to, text)
	l.ua.export(l.sock, id, true, l.to, text)

	return l.write(text)
}

func (l *link) write(data []byte) error {
	if err := l.sock.send(data, l.to); err != nil {
		l.ua.count.sendFails.Add(1)
		return err
	}

	l.ua.count.sent.Add(1)

	return nil
}

// LocalAddr is the address that the far end answers to.
func (l *link) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(l.sock.sentBy()) }

// Ref does nothing.
func (l *link) Ref(int) int { return 1 }

// TryClose does nothing.
func (l *link) TryClose() (int, error) { return 1, nil }

// Close does nothing.
func (l *link) Close() error { return nil }

// stamp writes into the topmost Via where the request came from, and returns
// where its responses go (RFC 3261 section 18.2, RFC 3581 section 4). The
// maddr parameter is ignored: responses go to the source address only.
func stamp(via *sipgo.ViaHeader, src netip.AddrPort) netip.AddrPort {
	addr := src.Addr().Unmap()

	if _, ok := via.Params.Get("rport"); ok {
		via.Params.Add("rport", strconv.Itoa(int(src.Port())))
		via.Params.Add("received", addr.String())

		return netip.AddrPortFrom(addr, src.Port())
	}

	if via.Host != addr.String() {
		via.Params.Add("received", addr.String())
	} else {
		via.Params.Remove("received")
	}

	port := via.Port
	if port == 0 {
		port = sipgo.DefaultPort(via.Transport)
	}

	return netip.AddrPortFrom(addr, uint16(port))
}
