package rtp

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/srtp"
)

const (
	minPtime = 10 * time.Millisecond
	maxPtime = 100 * time.Millisecond // a packet stays well below 1500 octets

	// maxPayload is the largest payload we take: the 200 ms that RFC 3551
	// section 4.2 asks receivers to take.
	maxPayload = 1600

	// headerSize is an RTP header without CSRC and extension, as we send it.
	headerSize = 12

	// comfortNoise is the static payload type of RFC 3389 at 8 kHz.
	comfortNoise = 13
)

// Params is what an offer and its answer agreed on.
type Params struct {
	// Remote is where the SDP asks us to send; the zero value when it does
	// not tell, and then nothing is sent until the far end was heard.
	Remote netip.AddrPort
	// Peer is the far end's host as signalling saw it, if known: media from
	// there may be the far end's like media from Remote's host.
	Peer netip.Addr
	// NAT says that Remote is an address of a network that we are not in:
	// nothing is sent until the far end was heard, and it may be found at any
	// host.
	NAT bool
	// RTCP is where the SDP asks us to send RTCP; the zero value means the
	// port after Remote's (RFC 3550 section 11).
	RTCP netip.AddrPort
	// SRTP holds the keys of both directions; without keys the packets are
	// not protected. Keys that stay the same go on with their counters.
	SRTP srtp.Keys
	// Web is the transport of WebRTC. With it the far end is found and the keys
	// are made on the port: Remote, RTCP, Peer and NAT count for nothing, SRTP has
	// no keys, and Mux is set. A session that has it has it to its end.
	Web Web
	// Codec is the codec of both directions.
	Codec g711.Codec
	// PayloadType is the codec's payload type, 0 to 127.
	PayloadType uint8
	// EventType is the payload type of telephone events; 0 when there are
	// none.
	EventType uint8
	// NoiseType is the payload type of comfort noise (RFC 3389) that we may send
	// in place of the agent's silence; 0 when every frame is sent. Comfort noise
	// is received in any case.
	NoiseType uint8
	// Mux says that RTCP shares the port of RTP (RFC 5761).
	Mux bool
	// Ptime is the audio in a packet that we send, whole milliseconds from
	// 10 to 100; 0 means 20 ms. Packets of any length are received.
	Ptime time.Duration
	// Send says that we may send; false puts us on hold.
	Send bool
	// Receive says that the far end may send; when false, what it sends is
	// not listened to.
	Receive bool
}

// Validate says what is wrong with p.
func (p Params) Validate() error {
	switch {
	case p.PayloadType > 127 || p.EventType > 127 || p.NoiseType > 127:
		return fmt.Errorf("payload types %d, %d and %d: want 0 to 127", p.PayloadType, p.EventType, p.NoiseType)
	case p.NoiseType != 0 && (p.NoiseType == p.PayloadType || p.NoiseType == p.EventType):
		return fmt.Errorf("payload type %d stands for comfort noise and something else", p.NoiseType)
	case p.EventType == p.PayloadType && p.EventType != 0:
		return fmt.Errorf("payload type %d stands for both audio and events", p.EventType)
	case p.Ptime != 0 && (p.Ptime < minPtime || p.Ptime > maxPtime || p.Ptime%time.Millisecond != 0):
		return fmt.Errorf("ptime %v: want whole milliseconds from %v to %v", p.Ptime, minPtime, maxPtime)
	case (p.SRTP.Ours.Suite() == srtp.None) != (p.SRTP.Theirs.Suite() == srtp.None):
		return errors.New("SRTP in one direction only")
	case p.Remote.IsValid() && p.Remote.Port() == 0:
		return errors.New("the remote port is 0")
	}
	return p.Web.validate(p)
}

// normal is p with its defaults filled in.
func (p Params) normal() Params {
	if p.Ptime == 0 {
		p.Ptime = media.FrameDuration
	}
	if p.Web.used() {
		p.Remote, p.RTCP, p.Peer, p.NAT = netip.AddrPort{}, netip.AddrPort{}, netip.Addr{}, false
	}
	p.Remote = reachable(p.Remote)
	p.RTCP = reachable(p.RTCP)
	p.Peer = p.Peer.Unmap()
	if p.Mux {
		p.RTCP = p.Remote
	}
	if next := p.Remote.Port() + 1; !p.RTCP.IsValid() && p.Remote.IsValid() && next != 0 {
		p.RTCP = netip.AddrPortFrom(p.Remote.Addr(), next)
	}
	return p
}

// reachable is the address in its plain form, zero when it names no host.
func reachable(a netip.AddrPort) netip.AddrPort {
	if !a.IsValid() || a.Port() == 0 || a.Addr().IsUnspecified() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
