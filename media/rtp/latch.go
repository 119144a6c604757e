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
)

// latch decides whose packets are ours. Its zero value knows no address.
type latch struct {
	sdp    netip.AddrPort // where the SDP says the far end is
	source netip.AddrPort // whose packets we take; zero until decided

	former     netip.AddrPort // the source before the current SDP
	formerGone time.Time      // when former may be believed again

	// The candidate: a source other than the SDP's, on probation.
	candidate netip.AddrPort
	ssrc      uint32
	seq       uint16
	run       int
}

// expect starts anew with the address of a new SDP. With the address that is
// already in force it does nothing.
func (l *latch) expect(sdp netip.AddrPort, now time.Time) (fresh bool) {
	if sdp == l.sdp {
		return false
	}
	former := l.source
	*l = latch{sdp: sdp, former: former, formerGone: now.Add(grace)}
	return true
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
	case from == l.former && at.Before(l.formerGone):
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
