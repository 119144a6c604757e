package rtp

import (
	"net"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/srtp"
)

// On a shared port reports and the farewell come as on two, also protected,
// and the RTCP port stays quiet.
func TestMuxedReports(t *testing.T) {
	t.Parallel()
	for _, suite := range []srtp.Suite{srtp.None, srtp.AES80, srtp.AES32} {
		t.Run(suite.String(), func(t *testing.T) {
			t.Parallel()
			a, b := open(t), open(t)
			p := Params{Codec: g711.PCMU, Send: true, Receive: true, Mux: true}
			q := p
			if suite != srtp.None {
				p.SRTP = srtp.Keys{Ours: srtp.NewKey(suite), Theirs: srtp.NewKey(suite)}
				q.SRTP = srtp.Keys{Ours: p.SRTP.Theirs, Theirs: p.SRTP.Ours}
			}
			p.Remote, q.Remote = b.Local(), a.Local()
			apply(t, a, p)
			apply(t, b, q)
			exchange(t, a, b, 5)
			a.report(later())
			await(t, "a's report", func() bool { return handled(b) > 0 && b.Stats().RemotePackets == 1 })
			b.report(later())
			await(t, "b's report", func() bool { return handled(a) > 0 && a.Stats().RemotePackets == 1 })
			if s := a.Stats(); s.RemoteReports != 1 || s.Malformed+s.Foreign != 0 || s.MOSOut < 4 {
				t.Errorf("stats are %+v", s)
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			await(t, "the farewell", func() bool {
				handled(b)
				b.control.Lock()
				defer b.control.Unlock()
				return b.control.session.View().Gone
			})
			if drops := b.Drops(); drops.RTCP != 0 {
				t.Errorf("%d datagrams were dropped", drops.RTCP)
			}
		})
	}
}

// Reports at the RTP port are believed from the far end only, and without
// agreement not at all.
func TestMuxedReportsOfStrangers(t *testing.T) {
	t.Parallel()
	for _, mux := range []bool{true, false} {
		s := open(t)
		far, remote := socket(t)
		stranger, _ := socket(t)
		apply(t, s, Params{Codec: g711.PCMU, Send: true, Receive: true, Remote: remote, Mux: mux})
		report := []byte{0x80, 201, 0, 1, 0, 0, 0, 9} // an empty RR
		for _, conn := range []*net.UDPConn{stranger, far} {
			if _, err := conn.WriteToUDPAddrPort(report, s.Local()); err != nil {
				t.Fatal(err)
			}
		}
		await(t, "both", func() bool { return handled(s)+s.Stats().RemotePackets+s.Drops().RTCP == 2 })
		want := uint64(0)
		if mux {
			want = 1
		}
		if got := s.Stats().RemotePackets; got != want {
			t.Errorf("mux %v: %d reports were believed", mux, got)
		}
	}
}

// A port with no RTCP of its own reports where RTP comes from.
func TestRouteOfMuxedRTCP(t *testing.T) {
	t.Parallel()
	var r route
	r.expect(Params{Remote: private, RTCP: private, NAT: true, Mux: true})
	if r.destination(public) != public {
		t.Errorf("reports go to %v, and RTP comes from %v", r.destination(public), public)
	}
	if !r.admit(public, public, true) || r.admit(robber, public, true) {
		t.Error("not the far end alone is believed")
	}
}

// Packets of any length carry each frame once: Write takes every frame, though
// not each makes a packet leave.
func TestSessionTakesEveryFrame(t *testing.T) {
	t.Parallel()
	for _, ptime := range []time.Duration{10 * ms, 20 * ms, 30 * ms, 40 * ms, 60 * ms} {
		a, b := open(t), open(t)
		p := Params{Codec: g711.PCMU, Send: true, Receive: true, Remote: b.Local(), Ptime: ptime}
		apply(t, a, p)
		p.Remote = a.Local()
		apply(t, b, p)
		const frames = 60
		for range frames {
			if !a.Write(&media.Frame{}) {
				t.Fatalf("ptime %v: a frame was not taken", ptime)
			}
		}
		want := uint64(frames * media.FrameDuration / ptime)
		await(t, "the packets", func() bool { return handled(b) == want })
		if in := b.Stats(); in.PacketsIn != want || in.Malformed != 0 {
			t.Errorf("ptime %v: %d packets of %d frames, want %d", ptime, in.PacketsIn, frames, want)
		}
	}
}
