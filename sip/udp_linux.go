package sip

import (
	"context"
	"encoding/binary"
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

	return c, nil
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

func (c *kernelUDP) write(b []byte, to netip.AddrPort) error {
	_, err := c.WriteToUDPAddrPort(b, to)

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
