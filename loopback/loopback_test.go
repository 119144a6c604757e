package loopback

import (
	"net"
	"net/netip"
	"testing"
)

func TestFree(t *testing.T) {
	t.Parallel()
	seen := map[netip.AddrPort]bool{}
	for range 100 {
		at, err := Free()
		if err != nil {
			t.Fatal(err)
		}
		if seen[at] || seen[netip.AddrPortFrom(at.Addr(), at.Port()+1)] || seen[netip.AddrPortFrom(at.Addr(), at.Port()-1)] || !at.Addr().IsLoopback() || at.Port() < firstPort {
			t.Errorf("%v", at)
		}
		seen[at] = true
	}
}

// A port that somebody has, by UDP or by TCP, is passed over.
func TestTakenPortsArePassedOver(t *testing.T) {
	t.Parallel()
	taken := map[netip.AddrPort]bool{}
	for n := range 10 {
		at, err := Free()
		if err != nil {
			t.Fatal(err)
		}
		next := netip.AddrPortFrom(at.Addr(), firstPort+(at.Port()+stride-firstPort)%ports)
		if n%2 == 0 {
			if c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(next)); err == nil {
				t.Cleanup(func() { _ = c.Close() })
				taken[next] = true
			}
		} else if l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(next)); err == nil {
			t.Cleanup(func() { _ = l.Close() })
			taken[next] = true
		}
		after, err := Free()
		if err != nil || taken[after] {
			t.Errorf("%v, which is taken: %v", after, err)
		}
	}
}
