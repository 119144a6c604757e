package rtp

import (
	"net/netip"
	"testing"
	"time"
)

var (
	epoch   = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	private = netip.MustParseAddrPort("10.0.0.1:4000")
	public  = netip.MustParseAddrPort("198.51.100.1:31000")
	robber  = netip.MustParseAddrPort("203.0.113.66:6666")
)

// far makes a latch that looks for a far end behind a NAT.
func far(sdp netip.AddrPort) latch {
	l := latch{window: latchWindow}
	l.expect(Params{Remote: sdp, NAT: true}, epoch)
	return l
}

func TestLatchTakesTheSDPAddressAtOnce(t *testing.T) {
	t.Parallel()
	l := far(public)
	if ours, settled := l.admit(public, 1, 1, epoch); !ours || !settled {
		t.Error("the first packet from the SDP's address is refused")
	}
	for seq := range uint16(10) {
		if ours, _ := l.admit(robber, 2, seq, epoch); ours {
			t.Fatalf("packet %d of a stranger is taken", seq)
		}
	}
}

func TestLatchMovesAfterFourConsecutivePackets(t *testing.T) {
	t.Parallel()
	l := far(private)
	for i, seq := range []uint16{65534, 65535, 0, 1} {
		if ours, settled := l.admit(public, 7, seq, epoch); ours != (i == 3) || settled != (i == 3) {
			t.Fatalf("packet %d: ours %v, settled %v", i, ours, settled)
		}
	}
	if ours, settled := l.admit(public, 8, 500, epoch); !ours || settled {
		t.Error("the source found may not change its SSRC")
	}
	if ours, _ := l.admit(private, 7, 3, epoch); ours {
		t.Error("the latch moved twice for one SDP")
	}
}

func TestLatchResistsASpray(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		packets func(i int) (netip.AddrPort, uint32, uint16)
	}{
		{"random sequence", func(i int) (netip.AddrPort, uint32, uint16) { return robber, 1, uint16(i * 7) }},
		{"changing SSRC", func(i int) (netip.AddrPort, uint32, uint16) { return robber, uint32(i), uint16(i) }},
		{"two sources", func(i int) (netip.AddrPort, uint32, uint16) {
			return netip.AddrPortFrom(robber.Addr(), uint16(1000+i%2)), 1, uint16(i)
		}},
		{"one packet again and again", func(int) (netip.AddrPort, uint32, uint16) { return robber, 1, 1 }},
	}
	for _, tt := range tests {
		l := far(private)
		for i := range 1000 {
			from, ssrc, seq := tt.packets(i)
			if ours, _ := l.admit(from, ssrc, seq, epoch); ours {
				t.Errorf("%s: packet %d is taken", tt.name, i)
				break
			}
		}
	}
}

// After a new SDP the packets still on their way from the old source must not
// win the race against the new one.
func TestLatchAndANewSDP(t *testing.T) {
	t.Parallel()
	l := far(public)
	l.admit(public, 1, 1, epoch)
	if l.expect(Params{Remote: public, NAT: true}, epoch) {
		t.Error("the same SDP address makes the latch look anew")
	}
	if !l.expect(Params{Remote: private, NAT: true}, epoch) {
		t.Error("a new SDP address changes nothing")
	}
	at := epoch
	for seq := range uint16(20) {
		at = at.Add(20 * time.Millisecond)
		if ours, _ := l.admit(public, 1, 2+seq, at); ours {
			t.Fatal("the former source is taken for the new one")
		}
	}
	if ours, _ := l.admit(private, 2, 1, at); !ours {
		t.Error("the new SDP's address is refused")
	}

	l.expect(Params{Remote: robber, NAT: true}, at) // a new SDP from behind the same NAT: the source stays what it was
	for range 4 {
		l.admit(public, 1, 1, at)
	}
	l.expect(Params{Remote: private, NAT: true}, at)
	late := at.Add(grace)
	for seq := range uint16(4) {
		if ours, _ := l.admit(public, 1, 30+seq, late); ours != (seq == 3) {
			t.Errorf("after the grace packet %d: ours %v", seq, ours)
		}
	}
}

func TestLatchWithoutAnSDPAddress(t *testing.T) {
	t.Parallel()
	l := latch{window: latchWindow}
	l.expect(Params{}, epoch)
	for seq := range uint16(4) {
		if ours, _ := l.admit(public, 1, seq, epoch); ours != (seq == 3) {
			t.Errorf("packet %d: ours %v", seq, ours)
		}
	}
}

// Another address is believed only soon after the SDP, and only where the far
// end may be.
func TestLatchBelievesFewHosts(t *testing.T) {
	t.Parallel()
	port := func(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), 7) }
	tests := []struct {
		name string
		p    Params
		from netip.AddrPort
		at   time.Duration
		want bool
	}{
		{"the SDP's address", Params{Remote: public}, public, time.Hour, true},
		{"another port of its host", Params{Remote: public}, port(public), 0, true},
		{"too late", Params{Remote: public}, port(public), latchWindow + 1, false},
		{"another host", Params{Remote: public}, robber, 0, false},
		{"the host of the signalling", Params{Remote: private, Peer: public.Addr()}, public, 0, true},
		{"neither", Params{Remote: private, Peer: public.Addr()}, robber, 0, false},
		{"any host, behind a NAT", Params{Remote: private, NAT: true}, public, latchWindow, true},
		{"too late, behind a NAT", Params{Remote: private, NAT: true}, public, latchWindow + 1, false},
		{"no host named", Params{}, public, 0, true},
		{"only the signalling's host known", Params{Peer: public.Addr()}, robber, 0, false},
	}
	for _, tt := range tests {
		l := latch{window: latchWindow}
		l.expect(tt.p, epoch)
		var got bool
		for seq := range uint16(probation) {
			got, _ = l.admit(tt.from, 1, seq, epoch.Add(tt.at))
		}
		if got != tt.want {
			t.Errorf("%s: believed %v", tt.name, got)
		}
	}
}
