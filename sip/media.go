package sip

import (
	"fmt"
	"net/netip"

	"trunkline/media"
	"trunkline/media/rtp"
	"trunkline/sip/sdp"
)

// Media opens the audio of calls.
type Media interface {
	// Open takes a port for one call. An error refuses the call with 503.
	Open() (MediaSession, error)
}

// A MediaSession is the audio of one call. The dialog closes it when the call
// ends; its user only reads and writes.
type MediaSession interface {
	media.Leg
	// Local is where the session receives RTP. Only its port matters: the
	// description names the advertised address.
	Local() netip.AddrPort
	// Apply puts into force what an offer and its answer agreed on.
	Apply(a sdp.Audio) error
}

// RTP opens calls' audio as RTP sessions on the ports of pool.
func RTP(pool *rtp.Pool, options rtp.Options) Media {
	return &rtpMedia{pool: pool, options: options}
}

type rtpMedia struct {
	pool    *rtp.Pool
	options rtp.Options
}

// RTPSession is the MediaSession that RTP opens, and so the leg of its calls.
type RTPSession struct{ *rtp.Session }

func (m *rtpMedia) Open() (MediaSession, error) {
	port, err := m.pool.Open()
	if err != nil {
		return nil, fmt.Errorf("sip: open an RTP port: %w", err)
	}

	return &RTPSession{Session: rtp.NewSession(port, m.options)}, nil
}

// Apply translates the agreement into the session's parameters.
func (s *RTPSession) Apply(a sdp.Audio) error {
	err := s.Session.Apply(rtp.Params{
		Remote:      a.Remote,
		Peer:        a.Peer,
		NAT:         hidden(a.Remote.Addr(), a.Peer),
		RTCP:        a.RTCP,
		SRTP:        a.SRTP,
		Web:         rtp.Web(a.Web),
		Codec:       a.Codec,
		PayloadType: a.PayloadType,
		EventType:   a.EventType,
		NoiseType:   a.NoiseType,
		Mux:         a.Mux,
		Ptime:       a.Ptime,
		Send:        a.Send,
		Receive:     a.Receive,
	})
	if err != nil {
		return fmt.Errorf("sip: apply the session description: %w", err)
	}

	return nil
}

// hidden reports whether the far end is behind a NAT: its description names an
// address that no other network reaches, though its messages came from one
// that every network does.
func hidden(described, peer netip.Addr) bool {
	return described.IsValid() && peer.IsValid() && internal(described) && !internal(peer)
}

// sharedSpace is the address space behind carriers' NATs (RFC 6598).
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// internal reports whether an address means something in its own network only.
func internal(a netip.Addr) bool {
	a = a.Unmap()

	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || sharedSpace.Contains(a)
}
