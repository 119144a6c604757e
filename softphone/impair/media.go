package impair

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"trunkline/sip"
	"trunkline/sip/sdp"
)

// attempts is how many pairs of ports are tried for a call.
const attempts = 100

// Media puts a Relay for RTP and one for RTCP between each call that next opens
// and its far end. out is the way to the far end, in the way back; each call
// has paths of its own, with the same fates. The far end must be on a network
// that next's own address reaches.
func Media(next sip.Media, out, in Network) (sip.Media, error) {
	if err := errors.Join(out.Validate(), in.Validate()); err != nil {
		return nil, err
	}
	return &impaired{next: next, out: out, in: in}, nil
}

type impaired struct {
	next    sip.Media
	out, in Network
}

// Session is the leg of a call that Media opened.
type Session struct {
	sip.MediaSession

	local     netip.AddrPort
	rtp, rtcp *Relay
}

// Open implements sip.Media.
func (m *impaired) Open() (sip.MediaSession, error) {
	s, err := m.next.Open()
	if err != nil {
		return nil, err
	}
	home := s.Local()
	rtp, rtcp, err := pair(home.Addr())
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &Session{
		MediaSession: s,
		local:        addrOf(rtp),
		rtp:          NewRelay(rtp, home, m.out, m.in),
		rtcp:         NewRelay(rtcp, netip.AddrPortFrom(home.Addr(), home.Port()+1), m.out, m.in),
	}, nil
}

// pair opens an even port and the next one.
func pair(host netip.Addr) (rtp, rtcp *net.UDPConn, err error) {
	open := func(port uint16) (*net.UDPConn, error) {
		return net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, port)))
	}
	for range attempts {
		if rtp, err = open(0); err != nil {
			break
		}
		if port := addrOf(rtp).Port(); port%2 == 0 {
			if rtcp, err = open(port + 1); err == nil {
				return rtp, rtcp, nil
			}
		}
		_ = rtp.Close()
	}
	return nil, nil, fmt.Errorf("impair: no pair of ports on %s: %w", host, err)
}

func addrOf(c *net.UDPConn) netip.AddrPort {
	a, _ := c.LocalAddr().(*net.UDPAddr)
	return netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), a.AddrPort().Port())
}

// Local implements sip.MediaSession: the far end sends to the relay.
func (s *Session) Local() netip.AddrPort { return s.local }

// Apply implements sip.MediaSession: the call sends to the relay.
func (s *Session) Apply(a sdp.Audio) error {
	s.rtp.Direct(a.Remote)
	reports := a.RTCP
	if !reports.IsValid() && a.Remote.IsValid() {
		reports = netip.AddrPortFrom(a.Remote.Addr(), a.Remote.Port()+1)
	}
	s.rtcp.Direct(reports)
	if a.Remote.IsValid() {
		a.Remote = s.local
		a.RTCP = netip.AddrPortFrom(s.local.Addr(), s.local.Port()+1)
	}
	a.Peer = s.local.Addr()
	return s.MediaSession.Apply(a)
}

// Close implements media.Leg.
func (s *Session) Close() error {
	return errors.Join(s.MediaSession.Close(), s.rtp.Close(), s.rtcp.Close())
}

// Paths tells what became of the call's RTP on both ways.
func (s *Session) Paths() (out, in Stats) { return s.rtp.Stats() }
