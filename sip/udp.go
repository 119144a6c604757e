package sip

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// packetConn is what a UDP socket reads and writes with.
type packetConn interface {
	// read fills b with the next datagram. whole is false when the datagram
	// was longer than b.
	read(b []byte) (n int, from netip.AddrPort, whole bool, err error)
	write(b []byte, to netip.AddrPort) error
	addr() netip.AddrPort
	buffer() int     // bytes of receive buffer that the kernel gave
	dropped() uint64 // datagrams that the kernel lost to a full buffer
	Close() error
}

// udpSocket serves one UDP listener.
type udpSocket struct {
	ua         *UA
	conn       packetConn
	advertised netip.AddrPort
}

func (s *udpSocket) network() string { return "UDP" }

func (s *udpSocket) sentBy() netip.AddrPort { return s.advertised }

func (s *udpSocket) send(data []byte, to netip.AddrPort) error {
	if err := s.conn.write(data, to); err != nil {
		return fmt.Errorf("sip: send to udp %s: %w", to, err)
	}

	return nil
}

func (s *udpSocket) stats() SocketStats {
	return SocketStats{
		Network:       "udp",
		Local:         s.conn.addr().String(),
		ReceiveBuffer: s.conn.buffer(),
		KernelDrops:   s.conn.dropped(),
	}
}

// serve reads until the socket is closed. A stranger's datagram is not even
// looked at.
func (s *udpSocket) serve() {
	buf := make([]byte, 64<<10)

	for {
		n, src, whole, err := s.conn.read(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}

			// An ICMP error about an earlier datagram of ours ends here.
			s.ua.log.Debug("udp read", slog.Any("error", err))

			continue
		}

		from, ok := s.ua.gate.admit(src.Addr(), time.Now())
		if !ok {
			s.ua.stranger(src.Addr(), buf[:n])
			continue
		}

		if !s.ua.heard(src) {
			continue
		}

		if isKeepAlive(buf[:n]) {
			s.ua.count.keepAlives.Add(1)
			continue
		}

		if !whole {
			s.ua.count.tooLarge.Add(1)
			continue
		}

		if reply := s.ua.receive(s, src, from, buf[:n]); reply != nil {
			_ = (&link{ua: s.ua, sock: s, to: src}).write(reply) // counted by write; nobody waits for it
		}
	}
}
