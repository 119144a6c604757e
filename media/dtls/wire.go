package dtls

import (
	"net"
	"sync"
	"time"

	"github.com/pion/transport/v5/deadline"
)

// wire is the packet connection of one handshake: a queue in, a function out.
// Where datagrams go, and from whom they are taken, others decide.
type wire struct {
	queue   <-chan []byte
	first   []byte // read before the queue
	send    func(datagram []byte)
	expiry  *deadline.Deadline // of reading
	closed  chan struct{}
	closing sync.Once
}

// ReadFrom implements net.PacketConn. One goroutine reads.
func (w *wire) ReadFrom(b []byte) (int, net.Addr, error) {
	if w.first != nil {
		n := copy(b, w.first)
		w.first = nil

		return n, w.LocalAddr(), nil
	}
	select {
	case datagram := <-w.queue:
		return copy(b, datagram), w.LocalAddr(), nil
	case <-w.expiry.Done():
		return 0, nil, w.expiry.Err()
	case <-w.closed:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo implements net.PacketConn.
func (w *wire) WriteTo(b []byte, _ net.Addr) (int, error) {
	select {
	case <-w.closed:
		return 0, net.ErrClosed
	default:
	}
	w.send(b)

	return len(b), nil
}

// Close implements net.PacketConn.
func (w *wire) Close() error {
	w.closing.Do(func() { close(w.closed) })

	return nil
}

// LocalAddr implements net.PacketConn. There is none to tell.
func (w *wire) LocalAddr() net.Addr { return &net.UDPAddr{} }

// SetDeadline implements net.PacketConn.
func (w *wire) SetDeadline(t time.Time) error { return w.SetReadDeadline(t) }

// SetReadDeadline implements net.PacketConn.
func (w *wire) SetReadDeadline(t time.Time) error {
	w.expiry.Set(t)

	return nil
}

// SetWriteDeadline implements net.PacketConn: writing never waits.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
