package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// route finds the way for a request of a dialog. The connection that the
// dialog began on is kept while it lasts: behind it may be the only way
// through a NAT. When the next hop cannot be resolved or connected to, the
// request goes where the INVITE came from.
func (ua *UA) route(ctx context.Context, hop *sipgo.Uri, s socket, peer netip.AddrPort) *link {
	if c, ok := s.(*tcpConn); ok && c.open() {
		return &link{ua: ua, sock: c, to: c.peer}
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

// reach resolves a URI and opens the way to it. fallback is the network for a
// URI that names none.
func (ua *UA) reach(ctx context.Context, uri *sipgo.Uri, fallback string) (*link, error) {
	if uri.Scheme == "sips" {
		return nil, errors.New("sips needs TLS, which is not served")
	}

	network := strings.ToUpper(uri.UriParams.GetOr("transport", fallback))

	to, err := ua.resolve(ctx, uri)
	if err != nil {
		return nil, err
	}

	ua.mu.Lock()
	udp, tcp := ua.udp, ua.tcp
	ua.mu.Unlock()

	switch {
	case network == "UDP" && len(udp) > 0:
		for _, s := range udp {
			if s.advertised.Addr().Is4() == to.Addr().Is4() {
				return &link{ua: ua, sock: s, to: to}, nil
			}
		}

		return nil, fmt.Errorf("no UDP listener reaches %s", to)
	case network == "TCP" && len(tcp) > 0:
		c, err := tcp[0].connect(ctx, to)
		if err != nil {
			return nil, err
		}

		return &link{ua: ua, sock: c, to: to}, nil
	default:
		return nil, fmt.Errorf("no listener for transport %s", network)
	}
}

// resolve finds the address of a URI's host. Names are looked up as hosts;
// the records of RFC 3263 are not consulted.
func (ua *UA) resolve(ctx context.Context, uri *sipgo.Uri) (netip.AddrPort, error) {
	port := uri.Port
	if port == 0 {
		port = sipgo.DefaultUdpPort
	}

	if port < 0 || port > 65535 {
		return netip.AddrPort{}, fmt.Errorf("port %d is out of range", port)
	}

	host := strings.Trim(uri.Host, "[]")
	if addr, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
	}

	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()

	addrs, err := ua.net.lookup(ctx, host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("look up %s: %w", host, err)
	}

	if len(addrs) == 0 {
		return netip.AddrPort{}, fmt.Errorf("look up %s: no address", host)
	}

	return netip.AddrPortFrom(addrs[0].Unmap(), uint16(port)), nil
}
