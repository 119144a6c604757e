// Package loopback finds addresses of this machine's own to listen on, for
// tests and measurements that start programs. It holds none of them open.
package loopback

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"
)

// Ports lie above those that Linux gives to sockets that ask for any
// (ip_local_port_range): one of those may be somebody's before the program
// that it was found for has started.
const (
	firstPort = 61000
	ports     = 4500

	// stride is how far the ports lie apart that are given out in a row: some
	// programs take the next one as well, as baresip does for TLS. It shares no
	// factor with ports, so that all have their turn.
	stride = 7
)

// given counts the ports that were given out. Processes begin at places of
// their own.
var given = func() *atomic.Int32 {
	var n atomic.Int32
	n.Store(rand.Int32N(ports))

	return &n
}()

// Free is an address that is free for UDP and TCP, each time another one.
func Free() (netip.AddrPort, error) {
	for range ports {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(firstPort+given.Add(stride)%ports))
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err != nil {
			continue
		}
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
		_ = c.Close() // it was only to be seen
		if err != nil {
			continue
		}

		return at, l.Close()
	}

	return netip.AddrPort{}, errors.New("no free port on loopback")
}
