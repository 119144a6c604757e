package rtp

import (
	"net/netip"
	"testing"
	"time"

	pionrtcp "github.com/pion/rtcp"

	"trunkline/media"
	"trunkline/media/g711"
)

// rtcpOf is where a session receives RTCP.
func rtcpOf(s *Session) netip.AddrPort {
	return netip.AddrPortFrom(s.Local().Addr(), s.Local().Port()+1)
}

// exchange lets two sessions hear n packets of one another.
func exchange(t *testing.T, a, b *Session, n int) {
	t.Helper()
	var f media.Frame
	for range n {
		clear(f[:])
		before := [2]uint64{handled(a), handled(b)}
		if !a.Write(&f) || !b.Write(&f) {
			t.Fatal("a packet was not sent")
		}
		await(t, "the packets", func() bool { return handled(a) > before[0] && handled(b) > before[1] })
		a.Read(&f)
		b.Read(&f)
	}
}

// later is when any report is due.
func later() time.Time { return time.Now().Add(time.Minute) }

func TestSessionsReportToOneAnother(t *testing.T) {
	t.Parallel()
	a, b := open(t), open(t)
	p := Params{Codec: g711.PCMU, Send: true, Receive: true, Remote: b.Local(), RTCP: rtcpOf(b)}
	apply(t, a, p)
	p.Remote, p.RTCP = a.Local(), netip.AddrPort{} // the port after RTP's
	apply(t, b, p)
	exchange(t, a, b, 20)
	if s := a.Stats(); s.MOSIn == 0 || s.MOSOut != 0 || s.RTT != 0 {
		t.Errorf("before any report stats are %+v", s)
	}

	a.report(later())
	await(t, "a's report", func() bool { return b.Stats().RemotePackets == 1 })
	b.report(later())
	await(t, "b's report", func() bool { return a.Stats().RemotePackets == 1 })
	s := a.Stats()
	// The sender's report bears the time that the test made up: what is
	// measured is no time at all, but it is measured.
	if s.RemoteReports != 1 || s.RemoteLost != 0 || s.MOSOut < 4 || s.ROut < 80 {
		t.Errorf("stats are %+v", s)
	}

	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, "the farewell", func() bool {
		b.control.Lock()
		defer b.control.Unlock()
		return b.control.session.View().Gone
	})
	if drops := b.Drops(); drops.RTCP != 0 {
		t.Errorf("%d datagrams were dropped", drops.RTCP)
	}
}

// The goroutine of a session reports by itself, in time.
func TestSessionReportsByItself(t *testing.T) {
	t.Parallel()
	a, b := open(t), open(t)
	p := Params{Codec: g711.PCMU, Send: true, Receive: true, Remote: b.Local()}
	apply(t, a, p)
	p.Remote = a.Local()
	apply(t, b, p)
	exchange(t, a, b, 5)
	await(t, "two reports", func() bool { return a.Stats().RTT > 0 || b.Stats().RTT > 0 })
	for _, s := range []*Session{a, b} {
		if trip := s.Stats().RTT; trip > time.Second {
			t.Errorf("the loopback takes %v", trip)
		}
	}
}

// Strangers' RTCP is neither believed nor able to move ours.
func TestSessionDropsStrangersRTCP(t *testing.T) {
	t.Parallel()
	s := open(t)
	_, remote := socket(t)
	apply(t, s, pcmu(remote))
	stranger, _ := socket(t)
	b, err := pionrtcp.Marshal([]pionrtcp.Packet{&pionrtcp.ReceiverReport{SSRC: 1, Reports: []pionrtcp.ReceptionReport{
		{SSRC: s.out.header.SSRC, TotalLost: 1000},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if _, err := stranger.WriteToUDPAddrPort(b, rtcpOf(s)); err != nil {
			t.Fatal(err)
		}
		await(t, "the datagram", func() bool { return s.Drops().RTCP == uint64(i+1) })
	}
	if stats := s.Stats(); stats.RemotePackets != 0 || stats.RemoteLost != 0 || stats.MOSOut != 0 {
		t.Errorf("stats are %+v", stats)
	}
}

func TestRouteOfRTCP(t *testing.T) {
	t.Parallel()
	next := func(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()+1) }
	at := func(sdp netip.AddrPort) route {
		var r route
		r.expect(Params{Remote: sdp, RTCP: next(sdp)})
		return r
	}

	r := at(public)
	if r.destination(netip.AddrPort{}) != next(public) || r.destination(public) != next(public) {
		t.Error("reports do not go where the SDP says")
	}
	if r.admit(robber, public, true) || r.admit(next(robber), netip.AddrPort{}, true) {
		t.Error("a stranger is believed")
	}
	if !r.admit(next(public), netip.AddrPort{}, false) || !r.refuses(robber) {
		t.Error("the SDP's address is not believed at once")
	}
	if r.admit(public, public, true) {
		t.Error("the route moved twice for one SDP")
	}
	r.expect(Params{Remote: public, RTCP: next(public)})
	if r.source != next(public) {
		t.Error("the same SDP makes the route look anew")
	}

	// Behind a NAT: RTP was found at public, the SDP says private.
	r = at(private)
	if r.destination(public).IsValid() {
		t.Error("reports go to an address that was not heard")
	}
	if r.admit(next(public), public, false) || r.admit(next(robber), public, true) {
		t.Error("RTCP of another sender or host is believed")
	}
	if odd := netip.AddrPortFrom(public.Addr(), 5); !r.admit(odd, public, true) || r.destination(public) != odd {
		t.Error("RTCP that follows its RTP is not found")
	}
}

func TestRating(t *testing.T) {
	t.Parallel()
	var silent media.LegStats
	rate(&silent, 0, 20*ms)
	if silent != (media.LegStats{}) {
		t.Errorf("a call without packets is rated %+v", silent)
	}
	good := media.LegStats{PacketsIn: 1000, PacketsOut: 1000, RemoteReports: 1, Delay: 40 * ms, RTT: 20 * ms}
	bad, far := good, good
	bad.Lost, bad.Late = 50, 10
	far.RemoteLost = 100
	for _, s := range []*media.LegStats{&good, &bad, &far} {
		rate(s, 20, 20*ms)
	}
	if good.MOSIn < 4.3 || good.MOSOut < 4.3 {
		t.Errorf("a good call is rated %.2f and %.2f", good.MOSIn, good.MOSOut)
	}
	if bad.MOSIn > 3.9 || bad.MOSIn < 3 || bad.MOSOut != good.MOSOut {
		t.Errorf("6 %% lost here are rated %.2f and %.2f", bad.MOSIn, bad.MOSOut)
	}
	if far.MOSOut > 3.4 || far.MOSIn != good.MOSIn {
		t.Errorf("10 %% lost there are rated %.2f and %.2f", far.MOSIn, far.MOSOut)
	}
}

// A sequence that wraps, and one that starts anew, are reported as RFC 3550
// counts them.
func TestReceptionAcrossWraps(t *testing.T) {
	t.Parallel()
	var s source
	for i := range uint16(10) {
		if _, ok := s.place(1, 65530+i); ok {
			s.count()
		}
	}
	if s.extended() != 1<<16+3 || s.expected() != 10 {
		t.Errorf("highest %#x of %d", s.extended(), s.expected())
	}
	s.place(2, 100)
	s.place(2, 101)
	if s.extended() != 101 || s.expected() != 1 {
		t.Errorf("the new stream: highest %#x of %d", s.extended(), s.expected())
	}
	s.place(2, 105)
	s.place(2, 104)
	s.place(2, 110)
	if s.gaps != 2 {
		t.Errorf("%d gaps, want 2", s.gaps)
	}
	if _, known := newReceiver(Options{}).reception(); known {
		t.Error("a stream is reported before it came")
	}
}
