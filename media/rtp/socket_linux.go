package rtp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// receiveBuffer holds the packets that come while we are not scheduled.
	// The kernel doubles it and charges about 800 octets for a 20 ms packet,
	// which makes 6 s.
	receiveBuffer = 128 << 10

	// expedited is the traffic class of voice: DSCP EF (RFC 4594 section
	// 4.1), two bits up in the octet.
	expedited = 46 << 2
)

// bind opens the sockets of one pair.
func bind(pool *Pool, number uint16) (*Port, error) {
	local := netip.AddrPortFrom(pool.ip, number)
	rtp, err := listen(local)
	if err != nil {
		return nil, err
	}
	rtcp, err := listen(netip.AddrPortFrom(pool.ip, number+1))
	if err != nil {
		_ = rtp.Close() // nothing has used it
		return nil, err
	}
	return &Port{pool: pool, rtp: rtp, rtcp: rtcp, local: local}, nil
}

func listen(local netip.AddrPort) (*net.UDPConn, error) {
	network, level, class := "udp4", unix.IPPROTO_IP, unix.IP_TOS
	if local.Addr().Is6() {
		network, level, class = "udp6", unix.IPPROTO_IPV6, unix.IPV6_TCLASS
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) {
			if err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err == nil {
				err = unix.SetsockoptInt(int(fd), level, class, expedited)
			}
		}); e != nil {
			return e
		}
		return err
	}}
	conn, err := config.ListenPacket(context.Background(), network, local.String())
	if err != nil {
		return nil, fmt.Errorf("bind %s: %w", local, err)
	}
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		conn.Close()
		return nil, fmt.Errorf("bind %s: got a %T", local, conn)
	}
	return udp, nil
}

// destination is where packets are sent.
type destination struct {
	addr netip.AddrPort
	raw  unix.Sockaddr
}

func newDestination(addr netip.AddrPort) *destination {
	if addr.Addr().Is4() {
		return &destination{addr, &unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())}}
	}
	return &destination{addr, &unix.SockaddrInet6{Addr: addr.Addr().As16(), Port: int(addr.Port())}}
}

// output sends datagrams and never waits: what the socket has no room for is
// refused. net.UDPConn would park the line clock's goroutine instead, and with
// it every call on that clock. It serves one goroutine at a time.
type output struct {
	conn     syscall.RawConn
	transmit func(fd uintptr) bool // made once: a closure per packet would be an allocation
	datagram []byte
	to       *destination
	err      error
}

func newOutput(conn *net.UDPConn) *output {
	o := &output{}
	raw, err := conn.SyscallConn()
	if err != nil {
		o.err = err
		return o
	}
	o.conn = raw
	o.transmit = func(fd uintptr) bool {
		o.err = unix.Sendto(int(fd), o.datagram, 0, o.to.raw)
		return true // done, also with EAGAIN
	}
	return o
}

// send reports whether the socket took the datagram.
func (o *output) send(datagram []byte, to *destination) bool {
	if o.conn == nil {
		return false
	}
	o.datagram, o.to = datagram, to
	return o.conn.Write(o.transmit) == nil && o.err == nil
}

// kernelDrops is how many datagrams the kernel dropped because the socket's
// receive buffer was full; false when it cannot tell, as for a closed socket.
func kernelDrops(conn *net.UDPConn) (uint64, bool) {
	const drops = 8 // SK_MEMINFO_DROPS of linux/sock_diag.h
	var (
		info  [drops + 1]uint32
		size  = uint32(unsafe.Sizeof(info))
		errno syscall.Errno
	)
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // x/sys has no wrapper for this option
	})
	return uint64(info[drops]), err == nil && errno == 0
}
