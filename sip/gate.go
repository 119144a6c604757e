package sip

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// gate is the source ACL: it tells which trunk an address belongs to, before
// anything of what the address sent is looked at.
type gate struct {
	trunks map[string]*trunk // by name
	routes []route           // most specific first

	certificates bool // some trunk may be told by its certificate

	mu     sync.Mutex
	dialed map[netip.Addr]*visit
	lent   map[netip.Addr]*trunk // registrars, whose calls are the trunk's
}

// route binds a prefix to a trunk.
type route struct {
	prefix netip.Prefix
	trunk  *trunk
}

// visit is the leave of an address that we placed a call to.
type visit struct {
	calls int
	until time.Time // end of the leave after the last call; late retransmissions may come
}

// source says why an address may talk to us.
type source struct {
	trunk *trunk // nil when we only placed a call to it
}

func newGate(trunks []Trunk) *gate {
	g := &gate{trunks: make(map[string]*trunk), dialed: make(map[netip.Addr]*visit), lent: make(map[netip.Addr]*trunk)}

	for _, t := range trunks {
		entry := newTrunk(t)
		g.trunks[t.Name] = entry
		g.certificates = g.certificates || len(t.Certificates) > 0

		for _, p := range t.Sources {
			g.insert(route{prefix: p.Masked(), trunk: entry})
		}
	}

	return g
}

// insert keeps the most specific prefixes first; among equals, the first
// configured.
func (g *gate) insert(r route) {
	i := 0
	for i < len(g.routes) && g.routes[i].prefix.Bits() >= r.prefix.Bits() {
		i++
	}

	g.routes = append(g.routes, route{})
	copy(g.routes[i+1:], g.routes[i:])
	g.routes[i] = r
}

// admit tells whether addr may talk to us, and as whom.
func (g *gate) admit(addr netip.Addr, now time.Time) (source, bool) {
	addr = addr.Unmap().WithZone("")

	for i := range g.routes {
		if g.routes[i].prefix.Contains(addr) {
			return source{trunk: g.routes[i].trunk}, true
		}
	}

	g.mu.Lock()
	defer g.mu.Unlock()

	if t, ok := g.lent[addr]; ok {
		return source{trunk: t}, true
	}

	v, ok := g.dialed[addr]

	return source{}, ok && (v.calls > 0 || now.Before(v.until))
}

// lend lets addr send a trunk's calls.
func (g *gate) lend(addr netip.Addr, t *trunk) {
	g.mu.Lock()
	defer g.mu.Unlock()

	g.lent[addr.Unmap().WithZone("")] = t
}

// enter lets addr answer a call that we place to it.
func (g *gate) enter(addr netip.Addr) {
	addr = addr.Unmap().WithZone("")

	g.mu.Lock()
	defer g.mu.Unlock()

	v, ok := g.dialed[addr]
	if !ok {
		v = &visit{}
		g.dialed[addr] = v
	}

	v.calls++
}

// leave ends what enter began. The address may still be heard until the given
// time.
func (g *gate) leave(addr netip.Addr, now, until time.Time) {
	addr = addr.Unmap().WithZone("")

	g.mu.Lock()
	defer g.mu.Unlock()

	if v, ok := g.dialed[addr]; ok {
		v.calls--
		v.until = until
	}

	for a, v := range g.dialed {
		if v.calls <= 0 && now.After(v.until) {
			delete(g.dialed, a)
		}
	}
}

// certified tells which trunk a client's certificate belongs to. Its chain
// was verified in the handshake, if there is one.
func (g *gate) certified(state tls.ConnectionState) (source, bool) {
	if len(state.VerifiedChains) == 0 {
		return source{}, false
	}

	names := certificateNames(state.PeerCertificates[0])

	for _, t := range g.trunks {
		for _, name := range t.Certificates {
			if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
				return source{trunk: t}, true
			}
		}
	}

	return source{}, false
}

// certificateNames are the SIP identities of a certificate: its DNS names and
// the hosts of its SIP URIs, or its common name when it has neither (RFC 5922
// section 7.1).
func certificateNames(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)

	for _, u := range c.URIs {
		if u.Scheme == "sip" {
			names = append(names, u.Opaque)
		}
	}

	if len(names) == 0 && c.Subject.CommonName != "" {
		names = append(names, c.Subject.CommonName)
	}

	return names
}
