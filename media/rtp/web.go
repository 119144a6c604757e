package rtp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"trunkline/media"
	"trunkline/media/dtls"
	"trunkline/media/ice"
	"trunkline/media/srtp"
)

// Web is the transport of WebRTC (RFC 8834): ICE finds the far end, DTLS makes
// the keys. Its zero value is none.
type Web struct {
	Ours, Theirs ice.Credentials
	Role         dtls.Role        // of ours
	Fingerprint  dtls.Fingerprint // of the far end's certificate
}

func (w Web) used() bool { return w != Web{} }

// validate says what of p does not go together with its Web.
func (w Web) validate(p Params) error {
	switch {
	case !w.used():
		return nil
	case w.Fingerprint.IsZero() || w.Role == 0 || w.Ours == ice.Credentials{} || w.Theirs == ice.Credentials{}:
		return errors.New("ICE and DTLS lack credentials, a role or a fingerprint")
	case p.SRTP != srtp.Keys{}:
		return errors.New("SRTP keys of the signalling and of DTLS at once")
	case !p.Mux:
		return errors.New("ICE and DTLS with RTCP on a port of its own")
	}
	return nil
}

// web is the transport of one session. Session.in guards it but for what
// sending needs.
type web struct {
	params      Web
	agent       ice.Agent
	association *dtls.Association
	generation  int // of association
	at          netip.AddrPort
	to          atomic.Pointer[destination] // at, for the handshake
	checked     bool                        // some address passed a check
	keyed       bool
	failure     error // of the handshake
}

// join puts p's transport in force. It returns the association that is not
// wanted any more, which the caller closes without the lock. The caller holds
// s.applying.
func (s *Session) join(p Params) (former *dtls.Association, err error) {
	s.in.Lock()
	defer s.in.Unlock()
	switch {
	case s.in.applied && p.Web.used() != (s.in.web != nil):
		return nil, errors.New("ICE and DTLS do not begin or end in mid-call")
	case !p.Web.used():
		return nil, nil
	case s.dtls == nil:
		return nil, errors.New("no endpoint for DTLS")
	case s.closed.Load():
		return nil, net.ErrClosed
	}
	if s.in.web == nil {
		s.in.web = &web{}
	}
	x := s.in.web
	x.agent.Expect(p.Web.Ours, p.Web.Theirs)
	if p.Web.Role != x.params.Role || p.Web.Fingerprint != x.params.Fingerprint {
		former, x.failure = x.association, nil
		x.generation++
		generation := x.generation
		x.association = s.dtls.Open(dtls.Options{
			Role: p.Web.Role, Remote: p.Web.Fingerprint,
			Send: func(datagram []byte) {
				if to := x.to.Load(); to != nil {
					s.port.rtp.send(datagram, to)
				}
			},
			Keys:   func(keys srtp.Keys) { s.keyed(generation, keys) },
			Failed: func(err error) { s.unkeyed(generation, err) },
		})
		if x.at.IsValid() {
			x.association.Begin()
		}
	}
	x.params = p.Web
	return former, nil
}

// keyed takes the keys of a handshake.
func (s *Session) keyed(generation int, keys srtp.Keys) {
	s.applying.Lock()
	defer s.applying.Unlock()
	if !s.current(generation) {
		return
	}
	if err := s.rekey(keys); err != nil {
		s.unkeyed(generation, err)
		return
	}
	s.in.Lock()
	defer s.in.Unlock()
	s.in.web.keyed = true
	s.follow(s.now())
}

// unkeyed takes note that there are no keys.
func (s *Session) unkeyed(generation int, err error) {
	if !s.current(generation) {
		return
	}
	s.in.Lock()
	s.in.web.failure = err
	s.in.Unlock()
	s.log.LogAttrs(context.Background(), slog.LevelWarn, "no keys for a call's audio",
		slog.String("local", s.Local().String()), slog.Any("error", err))
}

// current reports whether an association is the session's latest.
func (s *Session) current(generation int) bool {
	s.in.Lock()
	defer s.in.Unlock()
	return s.in.web.generation == generation && !s.closed.Load()
}

// hear takes a datagram off the port of a call by ICE and DTLS (RFC 7983). It
// reports whether it is media. The caller holds s.in.
func (s *Session) hear(datagram []byte, from netip.AddrPort, at time.Time) bool {
	x := s.in.web
	switch {
	case ice.IsMessage(datagram):
		if reply := x.agent.Receive(datagram, from, at); reply != nil {
			s.port.rtp.send(reply, newDestination(from))
			s.follow(at)
			return false
		}
		s.in.strange(from)
	case !x.agent.Believes(from):
		s.in.strange(from)
	case dtls.IsMessage(datagram):
		x.association.Put(datagram)
	case !x.keyed || !x.at.IsValid():
		s.in.malformed++
	default:
		return true
	}
	return false
}

// follow sends to where the far end is by its checks, and nowhere when it has
// stopped to make any. The caller holds s.in.
func (s *Session) follow(now time.Time) {
	x := s.in.web
	if at := x.agent.Remote(now); at != x.at {
		x.at = at
		if at.IsValid() {
			x.checked = true
			x.to.Store(newDestination(at))
			x.association.Begin()
		} else {
			x.to.Store(nil)
		}
		s.told(at)
	}
	if x.keyed && s.in.latch.source != x.at {
		s.in.latch.source = x.at
		s.control.follow(x.at)
		s.to.Store(x.to.Load())
	}
}

// told logs where the far end is. The caller holds s.in.
func (s *Session) told(at netip.AddrPort) {
	if s.log.Enabled(context.Background(), slog.LevelDebug) {
		s.aside(func() {
			s.log.LogAttrs(context.Background(), slog.LevelDebug, "media follows the connectivity checks",
				slog.String("local", s.Local().String()), slog.String("source", at.String()))
		})
	}
}

// fill adds the keys' way to the statistics of the leg, and what is missing for
// media to flow.
func (x *web) fill(s *media.LegStats) {
	switch {
	case !x.checked:
		s.Missing = "no connectivity check of the far end has come (ICE): no UDP gets from there to the advertised address and port"
	case !x.at.IsValid():
		s.Missing = "the far end's connectivity checks have stopped (ICE)"
	case x.keyed:
	case x.failure != nil:
		s.Missing = fmt.Sprintf("the DTLS handshake failed: %v", x.failure)
	default:
		s.Missing = "the DTLS handshake is not complete"
	}
}
