package rtp

import (
	"net"
	"net/netip"
	"testing"

	"trunkline/media"
)

// socketAt is a bare far end at an address of loopback.
func socketAt(t *testing.T, ip netip.Addr) (*net.UDPConn, netip.AddrPort) {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		t.Skipf("no %s here: %v", ip, err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn, conn.LocalAddr().(*net.UDPAddr).AddrPort() //nolint:forcetypeassert // of UDP
}

// 50,000 packets of a stranger within a second of a call, of which the socket's
// queue holds 160: the caller is heard whole, and they are counted.
func TestAFloodTakesNoRoom(t *testing.T) {
	t.Parallel()
	const seconds, perTick = 1, 1000
	for _, ip := range []netip.Addr{loopback, netip.IPv6Loopback()} {
		t.Run(ip.String(), func(t *testing.T) {
			t.Parallel()
			conn, local := socketAt(t, ip)
			stranger, _ := socketAt(t, ip)
			s := openIn(t, ip, Options{})
			apply(t, s, pcmu(local))
			far, forged := newPeer(t), newPeer(t)
			var f media.Frame
			send := func(conn *net.UDPConn, packet []byte) {
				t.Helper()
				if _, err := conn.WriteToUDPAddrPort(packet, s.Local()); err != nil {
					t.Fatal(err)
				}
			}
			send(conn, far.talk(9000)) // who the far end is
			s.Read(&f)
			await(t, "the far end", func() bool { return s.Stats().PacketsIn == 1 })
			for range seconds * 50 {
				forged.SSRC, forged.SequenceNumber, forged.Timestamp = far.SSRC, far.SequenceNumber, far.Timestamp
				packet := forged.talk(-9000)
				for range perTick {
					send(stranger, packet)
				}
				send(conn, far.talk(9000))
				if in := s.Read(&f); in.Kind == media.Received && f[80] < 8000 {
					t.Fatalf("a stranger is heard: level %d", f[80])
				}
			}
			stats := s.Stats()
			if stats.PacketsIn != seconds*50+1 || stats.Lost != 0 || s.Drops().Kernel != 0 {
				t.Errorf("%d of the caller's packets came, %d are lost, the kernel dropped %d", stats.PacketsIn, stats.Lost, s.Drops().Kernel)
			}
			if want := uint64(seconds * 50 * perTick); stats.Foreign != want {
				t.Errorf("%d of %d strangers' packets are counted", stats.Foreign, want)
			}
		})
	}
}

// Each part of an address tells a stranger.
func TestScreenKnowsTheWholeAddress(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, local := socket(t)
	apply(t, s, pcmu(local))
	s.in.Lock()
	s.settle(local)
	s.in.Unlock()
	for _, other := range []string{"127.0.0.2", "127.0.1.1", "127.1.0.1"} {
		stranger, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(other), local.Port())))
		if err != nil {
			t.Skipf("cannot be a stranger: %v", err)
		}
		if _, err := stranger.WriteToUDPAddrPort(make([]byte, 20), s.Local()); err != nil {
			t.Fatal(err)
		}
		stranger.Close()
	}
	if stats := gather(s); stats.Foreign != 3 || stats.Malformed != 0 || s.in.foreign != 0 {
		t.Errorf("%d of 3 packets are foreign, %d of them were read", stats.Foreign, s.in.foreign)
	}
}

func TestTallyFollowsTheWrap(t *testing.T) {
	t.Parallel()
	y := tally{last: 1<<32 - 2}
	y.add(3)
	y.screened = true
	y.add(10)
	y.screened = false
	y.add(11)
	if y.full != 6 || y.strangers != 7 {
		t.Errorf("%d for want of room and %d strangers, want 6 and 7", y.full, y.strangers)
	}
}
