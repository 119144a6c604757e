package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/locate"
)

// route finds the way for a request of a dialog. The connection that the
// dialog began on is kept while it lasts: behind it may be the only way
// through a NAT. When the next hop cannot be resolved or connected to, the
// request goes where the INVITE came from; so it does when the next hop is an
// address of a network that the INVITE came out of by a NAT.
func (ua *UA) route(ctx context.Context, hop *sipgo.Uri, s socket, peer netip.AddrPort) *link {
	addr, _ := netip.ParseAddr(strings.Trim(hop.Host, "[]"))

	switch c, ok := s.(*stream); {
	case ok && c.open():
		return &link{ua: ua, sock: c, to: c.peer}
	case ok && c.name != "" && addr == c.peer.Addr():
		// We know by which name the far end proved who it is, its Contact often
		// does not.
		if l, err := ua.open(ctx, locate.Hop{Network: c.network(), Addr: c.peer, Name: c.name}); err == nil {
			return l
		}
	case !ok && hidden(addr, peer.Addr()):
		return &link{ua: ua, sock: s, to: peer}
	}

	l, err := ua.reach(ctx, hop, s.network())
	if err != nil {
		ua.log.Warn("next hop out of reach, using the source of the INVITE",
			slog.String("hop", hop.Host), slog.Any("error", err))

		return &link{ua: ua, sock: s, to: peer}
	}

	if u, ok := s.(*udpSocket); ok && l.sock.network() == "UDP" {
		l.sock = u
	}

	return l
}

// reach opens the way to the first of a URI's hops that can be reached.
func (ua *UA) reach(ctx context.Context, uri *sipgo.Uri, fallback string) (*link, error) {
	hops, err := ua.hops(ctx, uri, fallback)
	if err != nil {
		return nil, err
	}

	for _, h := range hops {
		l, failed := ua.open(ctx, h)
		if failed == nil {
			return l, nil
		}

		err = errors.Join(err, failed)
	}

	return nil, err
}

// hops finds where requests for a URI go, best first. fallback is the
// network for a URI that says nothing about it, and names an address or a
// port; empty means UDP.
func (ua *UA) hops(ctx context.Context, uri *sipgo.Uri, fallback string) ([]locate.Hop, error) {
	if uri.Port < 0 || uri.Port > 65535 {
		return nil, fmt.Errorf("port %d is out of range", uri.Port)
	}

	q := locate.Question{
		Host: strings.Trim(uri.Host, "[]"), Port: uri.Port, Secure: uri.Scheme == "sips",
		Network: strings.ToUpper(uri.UriParams.GetOr("transport", "")),
	}

	_, err := netip.ParseAddr(q.Host)
	if q.Network == "" && (err == nil || q.Port != 0) {
		q.Network = fallback
	}

	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()

	hops, err := locate.Find(ctx, q, ua.serves(), ua.net.names, rand.Float64)
	if err != nil {
		return nil, err
	}

	ua.penalties.Order(hops, time.Now())

	return hops, nil
}

// serves are the networks that we can place calls by.
func (ua *UA) serves() []string {
	ua.mu.Lock()
	defer ua.mu.Unlock()

	var networks []string
	if len(ua.udp) > 0 {
		networks = append(networks, "UDP")
	}

	for _, l := range ua.streams {
		if canDial(l.transport) {
			networks = append(networks, l.transport)
		}
	}

	return networks
}

// open opens the way to a hop. One that cannot be reached is left for others
// for a while.
func (ua *UA) open(ctx context.Context, h locate.Hop) (*link, error) {
	ua.mu.Lock()
	udp, streams := ua.udp, ua.streams
	ua.mu.Unlock()

	if h.Network == "UDP" {
		for _, s := range udp {
			if s.advertised.Addr().Is4() == h.Addr.Addr().Is4() {
				return &link{ua: ua, sock: s, to: h.Addr, hop: h}, nil
			}
		}

		return nil, fmt.Errorf("no UDP listener reaches %s", h.Addr)
	}

	for _, l := range streams {
		if l.transport != h.Network {
			continue
		}

		c, err := l.connect(ctx, h)
		if err != nil {
			ua.penalties.Fail(h, time.Now(), 0)
			return nil, err
		}

		return &link{ua: ua, sock: c, to: h.Addr, hop: h}, nil
	}

	return nil, fmt.Errorf("no listener for transport %s", h.Network)
}
