package sip

import (
	"context"
	"slices"
	"time"

	sipgo "github.com/emiago/sipgo/sip"

	"trunkline/sip/locate"
)

const (
	// largest is how many octets a request by UDP may have where nobody knows
	// the path's MTU (RFC 3261 section 18.1.1).
	largest = 1300

	// largeLimit bounds the opening of a connection for a larger one: a far end
	// whose firewall drops the attempt costs each call no more.
	largeLimit = time.Second
)

// roomier is a way by TCP for a request that is too large for UDP. It is nil
// where the request may stay on its way: the URI asks for it, we have no TCP, or
// the far end takes none, which is remembered for a while.
func (ua *UA) roomier(ctx context.Context, req *sipgo.Request, w *way, l *link) *link {
	switch {
	case l.sock.network() != "UDP", len(req.String()) <= largest, firstHop(req, w.uri).UriParams.Has("transport"),
		!slices.Contains(ua.serves(), "TCP"):
		return nil
	}

	byTCP := w.hop
	byTCP.Network = "TCP"

	hops := []locate.Hop{byTCP, w.hop}
	if ua.penalties.Order(hops, time.Now()); hops[0] != byTCP {
		return nil
	}

	ctx, cancel := context.WithTimeout(ctx, largeLimit)
	defer cancel()

	if r, err := ua.open(ctx, byTCP); err == nil {
		return r
	}

	return nil
}
