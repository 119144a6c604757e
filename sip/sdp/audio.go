package sdp

import (
	"net/netip"
	"slices"
	"time"

	"trunkline/media/dtls"
	"trunkline/media/g711"
	"trunkline/media/ice"
	"trunkline/media/srtp"
)

// Local is what we bring to a session.
type Local struct {
	Addr   netip.AddrPort // where we receive RTP; its port is even
	Codecs []g711.Codec   // codecs that we use, most preferred first; empty means PCMU, PCMA

	Noise bool          // we send comfort noise (RFC 3389) to those who agree to it
	Mux   bool          // our offers ask for RTP and RTCP on one port (RFC 5761); answers agree to it anyway
	Ptime time.Duration // length of packets that our offers ask for; 0 means 20 ms

	Hold bool // we want to receive nothing

	Security Security
	Keys     []srtp.Key // ours, one of each suite that we use, most preferred first

	// Fingerprint is that of our certificate: with one, streams of browsers are
	// taken (RFC 8827), and ICE has our credentials. WebOnly refuses all others,
	// and has our offers be for browsers. Role is ours so far; 0 when there is
	// none.
	Fingerprint dtls.Fingerprint
	ICE         ice.Credentials
	Role        dtls.Role
	WebOnly     bool
}

func (l Local) codecs() []g711.Codec {
	if len(l.Codecs) == 0 {
		return []g711.Codec{g711.PCMU, g711.PCMA}
	}

	return l.Codecs
}

// Audio is the audio stream that an offer and its answer agreed on, from our
// side.
type Audio struct {
	Remote      netip.AddrPort // where the far end receives RTP; zero when it gave none (c=0.0.0.0)
	RTCP        netip.AddrPort // where the far end receives RTCP; zero when Remote is
	Peer        netip.Addr     // where the description came from; the dialog fills it in
	Codec       g711.Codec
	PayloadType uint8         // of Codec, in both directions
	EventType   uint8         // payload type of RFC 4733 events, 0 when there are none
	NoiseType   uint8         // payload type of comfort noise that we may send, 0 when there is none
	Mux         bool          // RTCP shares the port of RTP (RFC 5761); RTCP is Remote then
	Ptime       time.Duration // length of the packets that we send, 10 to 100 ms
	Send        bool          // the far end wants our audio
	Receive     bool          // the far end sends audio
	SRTP        srtp.Keys     // of both directions; none when the audio is not protected, or by Web
	Web         Web           // how a browser is found and makes the keys; Remote and RTCP tell nothing then
}

// Lengths of the packets that we send. RFC 3551 section 4.5 prefers 20 ms; the
// bounds are the RTP session's.
const (
	defaultPtime = 20 * time.Millisecond
	minPtime     = 10 * time.Millisecond
	maxPtime     = 100 * time.Millisecond
)

// packetTime is what the far end prefers to receive, within what it and we
// can do.
func packetTime(ptime, maxptime time.Duration) time.Duration {
	if ptime == 0 {
		ptime = defaultPtime
	}

	if maxptime != 0 {
		ptime = min(ptime, maxptime)
	}

	return max(min(ptime, maxPtime), minPtime)
}

// audio is what we agree to when the far end describes its side as s and f is
// the format to use.
func (s *stream) audio(f format, event uint8) Audio {
	theirs := s.direction
	if s.addr.IsUnspecified() && !s.web() {
		// RFC 3264 section 8.4: the old way to put a call on hold.
		theirs = directionOf(theirs.sends(), false)
	}

	a := Audio{
		RTCP:        s.rtcp,
		Codec:       f.codec,
		PayloadType: f.payloadType,
		EventType:   event,
		Ptime:       packetTime(s.ptime, s.maxptime),
		Send:        theirs.receives(),
		Receive:     theirs.sends(),
	}
	if s.web() {
		a.RTCP = netip.AddrPort{} // where it is, its checks tell
	} else if !s.addr.IsUnspecified() {
		a.Remote = netip.AddrPortFrom(s.addr, uint16(s.port))
	}

	return a
}

// share puts RTCP on the port of RTP, if mux (RFC 5761 section 5.1.1).
func (a *Audio) share(mux bool) {
	if mux {
		a.Mux, a.RTCP = true, a.Remote
	}
}

// check says why we cannot exchange packets with the writer of s, if so.
func (s *stream) check(local netip.Addr) *NotAcceptableError {
	switch {
	case s.web():
		return nil // where it is, its checks tell
	case s.addrErr != nil:
		return &NotAcceptableError{Warning: warnNetworkAddress, Reason: "Incompatible network address format: " + s.addrErr.Error()}
	case !s.addr.IsUnspecified() && s.addr.Is4() != local.Unmap().Is4():
		return &NotAcceptableError{Warning: warnNetworkAddress, Reason: "Incompatible network address format: " + s.addr.String() + " cannot be reached from " + local.String()}
	default:
		return nil
	}
}

// choose is the first of the writer's formats that is among codecs.
func (s *stream) choose(codecs []g711.Codec) (format, bool) {
	for _, f := range s.codecs {
		if slices.Contains(codecs, f.codec) {
			return f, true
		}
	}

	return format{}, false
}
