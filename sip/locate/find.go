package locate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
)

// A Question is what a URI says about where it goes.
type Question struct {
	Host    string // a name, or an address without brackets
	Port    int    // 0 when the URI has none
	Network string // of its transport parameter, upper case; empty when it has none
	Secure  bool   // sips: TLS all the way
}

// A Hop is a place to send a request to.
type Hop struct {
	Network string // "UDP", "TCP", "TLS", "WS" or "WSS"
	Addr    netip.AddrPort
	Name    string // the name that the far end's certificate must show (RFC 5922 section 7.2)
}

// NAPTR is a record that says which transports a domain prefers.
type NAPTR struct {
	Order, Preference uint16
	Flags, Service    string
	Replacement       string
}

// SRV is a record that says which hosts serve a transport.
type SRV struct {
	Priority, Weight uint16
	Port             uint16
	Host             string
}

// A Lookup answers from the DNS. A name without records is no error.
type Lookup interface {
	NAPTR(ctx context.Context, name string) ([]NAPTR, error)
	SRV(ctx context.Context, name string) ([]SRV, error)
	Hosts(ctx context.Context, name string) ([]netip.Addr, error)
}

// ErrNothing says that a name leads to no address by a network of ours.
var ErrNothing = errors.New("no address is known for it")

// services are the networks by NAPTR service and SRV name (RFC 3263 section
// 4.1, RFC 7118 section 8).
var services = []struct{ network, naptr, srv string }{
	{"TLS", "SIPS+D2T", "_sips._tcp."},
	{"TCP", "SIP+D2T", "_sip._tcp."},
	{"UDP", "SIP+D2U", "_sip._udp."},
	{"WSS", "SIPS+D2W", "_sips._ws."},
	{"WS", "SIP+D2W", "_sip._ws."},
}

// Port is a network's port when nothing names one (RFC 3261 section 19.1.2,
// RFC 7118 section 5.4).
func Port(network string) uint16 {
	switch network {
	case "TLS":
		return 5061
	case "WS":
		return 80
	case "WSS":
		return 443
	default:
		return 5060
	}
}

// Find lists the hops for a URI, best first (RFC 3263 section 4). served are
// the networks that we speak; draw gives numbers in [0, 1) that spread calls
// over hosts of the same priority by their weights (RFC 2782).
func Find(ctx context.Context, q Question, served []string, l Lookup, draw func() float64) ([]Hop, error) {
	f := finder{ctx: ctx, q: q, served: served, lookup: l, draw: draw}

	hops, err := f.find()
	if len(hops) > 0 {
		return hops, nil
	}

	return nil, fmt.Errorf("locate %s: %w", q.Host, cmp.Or(err, ErrNothing))
}

type finder struct {
	ctx    context.Context
	q      Question
	served []string
	lookup Lookup
	draw   func() float64
}

func (f *finder) find() ([]Hop, error) {
	network := f.q.Network

	if f.q.Secure {
		switch network {
		case "", "TCP": // sips with transport=tcp means TLS (RFC 3261 section 26.2.2)
			network = "TLS"
		case "WS":
			network = "WSS"
		}
	}

	addr, err := netip.ParseAddr(f.q.Host)

	switch {
	case err == nil || f.q.Port != 0:
		network = cmp.Or(network, "UDP")
		if !f.serves(network) {
			return nil, fmt.Errorf("%s is not served here", network)
		}

		port := cmp.Or(uint16(f.q.Port), Port(network))
		if err == nil {
			return []Hop{{network, netip.AddrPortFrom(addr.Unmap(), port), f.q.Host}}, nil
		}

		return f.hosts(network, f.q.Host, port)
	case network != "":
		if !f.serves(network) {
			return nil, fmt.Errorf("%s is not served here", network)
		}

		return f.byService(network)
	default:
		return f.byDomain()
	}
}

func (f *finder) serves(network string) bool { return slices.Contains(f.served, network) }

// byDomain asks the domain which transport it prefers (RFC 3263 section 4.1).
func (f *finder) byDomain() ([]Hop, error) {
	records, first := f.lookup.NAPTR(f.ctx, f.q.Host)

	slices.SortStableFunc(records, func(a, b NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})

	var hops []Hop

	for _, r := range records {
		for _, s := range services {
			if strings.EqualFold(r.Service, s.naptr) && strings.EqualFold(r.Flags, "s") && f.serves(s.network) {
				more, err := f.srv(s.network, r.Replacement)
				hops, first = append(hops, more...), cmp.Or(first, err)
			}
		}
	}

	if len(hops) > 0 {
		return hops, nil
	}

	// Without NAPTR records, those of SRV tell which transports there are. TLS
	// is not among them: only the URI or the domain may ask for it.
	for _, network := range []string{"UDP", "TCP"} {
		if !f.serves(network) {
			continue
		}

		more, err := f.srv(network, serviceName(network)+f.q.Host)
		hops, first = append(hops, more...), cmp.Or(first, err)
	}

	if len(hops) > 0 {
		return hops, nil
	}

	network := "UDP"
	if !f.serves(network) {
		network = "TCP"
	}

	hops, err := f.hosts(network, f.q.Host, Port(network))

	return hops, cmp.Or(err, first)
}

// byService asks which hosts serve a transport, and takes the name for a
// host's when nothing says so.
func (f *finder) byService(network string) ([]Hop, error) {
	hops, err := f.srv(network, serviceName(network)+f.q.Host)
	if len(hops) > 0 {
		return hops, nil
	}

	hops, failed := f.hosts(network, f.q.Host, Port(network))

	return hops, cmp.Or(failed, err)
}

func serviceName(network string) string {
	for _, s := range services {
		if s.network == network {
			return s.srv
		}
	}

	return ""
}

func (f *finder) srv(network, name string) ([]Hop, error) {
	records, err := f.lookup.SRV(f.ctx, name)

	var hops []Hop

	for _, r := range f.order(records) {
		if r.Host == "" || r.Host == "." { // the service is decidedly not offered (RFC 2782)
			continue
		}

		more, failed := f.hosts(network, strings.TrimSuffix(r.Host, "."), r.Port)
		hops, err = append(hops, more...), cmp.Or(err, failed)
	}

	return hops, err
}

// order sorts by priority, and draws among equals by weight: with
// exponential variates at the rate of the weights, each record comes first
// with the chance of its share. A weight of 0 gets a very small one.
func (f *finder) order(records []SRV) []SRV {
	type drawn struct {
		SRV

		ticket float64
	}

	all := make([]drawn, len(records))
	for i, r := range records {
		all[i] = drawn{r, -math.Log(1-f.draw()) / max(float64(r.Weight), 0.01)}
	}

	slices.SortStableFunc(all, func(a, b drawn) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.ticket, b.ticket))
	})

	sorted := make([]SRV, len(all))
	for i, d := range all {
		sorted[i] = d.SRV
	}

	return sorted
}

// hosts are the addresses of a name. The certificate shows the URI's host,
// whatever names the records led through: DNS is not to be believed.
func (f *finder) hosts(network, name string, port uint16) ([]Hop, error) {
	addrs, err := f.lookup.Hosts(f.ctx, name)

	hops := make([]Hop, len(addrs))
	for i, a := range addrs {
		hops[i] = Hop{network, netip.AddrPortFrom(a.Unmap(), port), f.q.Host}
	}

	return hops, err
}
