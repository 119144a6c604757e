package rtp

import (
	"net/netip"
	"time"
)

const (
	// probation is how many consecutive packets make a source credible.
	probation = 4

	// grace is how long after a new SDP the source of the one before is not
	// taken for the new one: its last packets are still on the way.
	grace = 2 * time.Second

	// latchWindow is how long after a new SDP another address than its own
	// may be believed, unless the Options say otherwise.
	latchWindow = 10 * time.Second
)

// latch decides whose packets are ours: the address of the SDP, at once; or,
// within a window after the SDP, the first source with enough consecutive
// packets on a host that may be the far end's. It decides once per SDP. Its
// zero value knows no address.
type latch struct {
	window time.Duration

	sdp    netip.AddrPort // where the SDP says the far end is
	peer   netip.Addr     // the far end's host as signalling saw it
	nat    bool           // the far end may be at any host
	shut   time.Time      // when only sdp is believed
	source netip.AddrPort // whose packets we take; zero until decided

	former     netip.AddrPort // the source before the current SDP
	formerGone time.Time      // when former may be believed again

	// The candidate: a source other than the SDP's, on probation.
	candidate netip.AddrPort
	ssrc      uint32
	seq       uint16
	run       int
}

// expect starts anew with the addresses of a new SDP. With those that are
// already in force it does nothing.
func (l *latch) expect(p Params, now time.Time) (fresh bool) {
	if p.Remote == l.sdp && p.NAT == l.nat && !l.shut.IsZero() {
		return false
	}
	former := l.source
	*l = latch{
		window: l.window, sdp: p.Remote, peer: p.Peer, nat: p.NAT, shut: now.Add(l.window),
		former: former, formerGone: now.Add(grace),
	}
	return true
}

// refuses says that from is a stranger, whatever it sends.
func (l *latch) refuses(from netip.AddrPort) bool {
	return l.source.IsValid() && from != l.source
}

// credible says whether from may be found to be the far end: in the window,
// and on the host of the SDP or of the signalling, unless the far end is behind
// a NAT or neither is known.
func (l *latch) credible(from netip.AddrPort, at time.Time) bool {
	if at.After(l.shut) || from == l.former && at.Before(l.formerGone) {
		return false
	}
	return l.nat || !l.sdp.IsValid() && !l.peer.IsValid() || from.Addr() == l.sdp.Addr() || from.Addr() == l.peer
}

// admit says whether a valid packet is ours. settled is true for the packet
// that decided it.
func (l *latch) admit(from netip.AddrPort, ssrc uint32, seq uint16, at time.Time) (ours, settled bool) {
	switch {
	case l.source.IsValid():
		return from == l.source, false
	case from == l.sdp:
		l.source = from
		return true, true
	case !l.credible(from, at):
		return false, false
	case from == l.candidate && ssrc == l.ssrc && seq == l.seq+1:
		l.run++
	default:
		l.candidate, l.ssrc, l.run = from, ssrc, 1
	}
	l.seq = seq
	if l.run < probation {
		return false, false
	}
	l.source = from
	return true, true
}
