package sip

import (
	"net/netip"
	"sync"
	"time"
)

// gate is the source ACL: it tells which trunk an address belongs to, before
// anything of what the address sent is looked at.
type gate struct {
	trunks map[string]*trunk // by name
	routes []route           // most specific first

	mu     sync.Mutex
	dialed map[netip.Addr]*visit
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
	g := &gate{trunks: make(map[string]*trunk), dialed: make(map[netip.Addr]*visit)}

	for _, t := range trunks {
		entry := &trunk{Trunk: t}
		g.trunks[t.Name] = entry

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

	v, ok := g.dialed[addr]

	return source{}, ok && (v.calls > 0 || now.Before(v.until))
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
