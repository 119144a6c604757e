package rtp

import "net/netip"

// route decides whose RTCP is ours and where ours goes. RTCP comes too seldom
// to be put on probation, so it follows the RTP: the address of the SDP is
// believed at once, another one only when RTP comes from the same host with
// the same SSRC. This happens once per SDP. Its zero value knows no address.
type route struct {
	rtp, sdp netip.AddrPort // what the SDP says
	nat      bool           // the SDP's addresses cannot be reached
	mux      bool           // RTCP comes from where RTP does, and goes there
	source   netip.AddrPort // whose packets we take; zero until decided
}

// expect starts anew with the addresses of a new SDP; the same ones change
// nothing.
func (r *route) expect(p Params) {
	if r.rtp != p.Remote || r.sdp != p.RTCP || r.nat != p.NAT || r.mux != p.Mux {
		*r = route{rtp: p.Remote, sdp: p.RTCP, nat: p.NAT, mux: p.Mux}
	}
}

// refuses says that from is a stranger, whatever it sends.
func (r *route) refuses(from netip.AddrPort) bool {
	return r.source.IsValid() && from != r.source
}

// admit says whether a compound packet is ours. rtp is where the far end's RTP
// comes from, and same says that the packet's sender is that of the RTP.
func (r *route) admit(from, rtp netip.AddrPort, same bool) bool {
	if r.source.IsValid() {
		return from == r.source
	}
	if from != r.sdp && (!same || !rtp.IsValid() || from.Addr() != rtp.Addr()) {
		return false
	}
	r.source = from
	return true
}

// destination is where to send; zero when the far end's RTP comes from
// elsewhere than the SDP says and its RTCP was not found yet.
func (r *route) destination(rtp netip.AddrPort) netip.AddrPort {
	switch {
	case r.source.IsValid():
		return r.source
	case r.mux && rtp.IsValid():
		return rtp
	case rtp != r.rtp && (rtp.IsValid() || r.nat):
		return netip.AddrPort{}
	}
	return r.sdp
}
