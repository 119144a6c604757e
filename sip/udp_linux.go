package sip

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// kernelUDP is a UDP socket whose receive buffer is set and whose kernel
// drops are counted.
type kernelUDP struct {
	*net.UDPConn

	raw   syscall.RawConn
	six   bool   // its addresses are those of IPv6, those of IPv4 mapped
	oob   []byte // of the one reader
	size  int
	drops atomic.Uint64
	last  uint32 // the kernel's own count, which wraps
}

// listenUDP opens a UDP socket on addr, host:port, asking for a receive
// buffer of want bytes. A privileged process gets it whole; others get at
// most net.core.rmem_max.
func listenUDP(ctx context.Context, addr string, want int) (packetConn, error) {
	c := &kernelUDP{oob: make([]byte, 128)}

	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error

		if ctrl := raw.Control(func(fd uintptr) { c.size, err = setBuffer(int(fd), want) }); ctrl != nil {
			return fmt.Errorf("control of the socket: %w", ctrl)
		}

		return err
	}}

	pc, err := config.ListenPacket(ctx, "udp", addr)
	if err != nil {
		return nil, fmt.Errorf("sip: listen on udp %s: %w", addr, err)
	}

	conn, ok := pc.(*net.UDPConn)
	if !ok {
		pc.Close()
		return nil, fmt.Errorf("sip: listen on udp %s: %T is not a UDP socket", addr, pc)
	}

	c.UDPConn = conn

	if c.raw, err = conn.SyscallConn(); err == nil {
		c.six, err = usesIPv6(c.raw)
	}

	if err != nil {
		_ = conn.Close() // it was never used
		return nil, fmt.Errorf("sip: listen on udp %s: %w", addr, err)
	}

	return c, nil
}

func usesIPv6(raw syscall.RawConn) (six bool, err error) {
	ctrl := raw.Control(func(fd uintptr) {
		var own unix.Sockaddr

		own, err = unix.Getsockname(int(fd))
		_, six = own.(*unix.SockaddrInet6)
	})

	return six, errors.Join(ctrl, err)
}

func setBuffer(fd, want int) (int, error) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, want) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, want); err != nil {
			return 0, fmt.Errorf("set the receive buffer to %d bytes: %w", want, err)
		}
	}

	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1); err != nil {
		return 0, fmt.Errorf("ask for the count of dropped datagrams: %w", err)
	}

	got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		return 0, fmt.Errorf("read the receive buffer's size: %w", err)
	}

	return got, nil
}

func (c *kernelUDP) read(b []byte) (int, netip.AddrPort, bool, error) {
	n, oobn, flags, from, err := c.ReadMsgUDPAddrPort(b, c.oob)
	if err != nil {
		return 0, from, false, fmt.Errorf("sip: read udp: %w", err)
	}

	c.countDrops(c.oob[:oobn])

	return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), flags&unix.MSG_TRUNC == 0, nil
}

// countDrops reads the SO_RXQ_OVFL control message, which comes with the
// first datagram after a loss.
func (c *kernelUDP) countDrops(oob []byte) {
	if len(oob) == 0 {
		return
	}

	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return
	}

	for _, m := range messages {
		if m.Header.Level != unix.SOL_SOCKET || m.Header.Type != unix.SO_RXQ_OVFL || len(m.Data) < 4 {
			continue
		}

		total := binary.NativeEndian.Uint32(m.Data)
		c.drops.Add(uint64(total - c.last))
		c.last = total
	}
}

// write sends a datagram. All calls of a door leave by one socket. Go's own
// write has them queue for a lock, and when the one that sends is taken off the
// processor they all wait for its next turn; the kernel needs no such lock. Only
// where the send buffer is full it is waited for.
func (c *kernelUDP) write(b []byte, to netip.AddrPort) error {
	if to.Addr().Zone() != "" || !c.six && !to.Addr().Unmap().Is4() {
		_, err := c.WriteToUDPAddrPort(b, to) // which knows zones, and what is wrong
		return err
	}

	var peer unix.Sockaddr = &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	if !c.six {
		peer = &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().Unmap().As4()}
	}

	var err error

	closed := c.raw.Control(func(fd uintptr) {
		for {
			if err = unix.Sendto(int(fd), b, unix.MSG_DONTWAIT, peer); err != unix.EINTR { //nolint:errorlint // it is an errno
				return
			}
		}
	})

	switch {
	case closed != nil:
		return closed
	case err == unix.EAGAIN: //nolint:errorlint // it is an errno
		_, err = c.WriteToUDPAddrPort(b, to)
	}

	return err
}

func (c *kernelUDP) addr() netip.AddrPort {
	addr, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}

	return addr.AddrPort()
}

func (c *kernelUDP) buffer() int { return c.size }

func (c *kernelUDP) dropped() uint64 { return c.drops.Load() }
