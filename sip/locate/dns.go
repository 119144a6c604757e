package locate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	askLimit = 2 * time.Second // for one name server to answer
	minTTL   = 5 * time.Second
	maxTTL   = 10 * time.Minute
	hostTTL  = 30 * time.Second // of addresses, whose records the system's resolver does not show
	// staleLimit is how long an answer is used after its time when no name
	// server answers: calls go on without DNS.
	staleLimit = time.Hour
	maxAnswers = 4096
)

// DNS looks names up and remembers the answers. Its methods may be called
// from any goroutine.
type DNS struct {
	servers []string // host:port
	hosts   *net.Resolver

	mu      sync.Mutex
	answers map[question]answer
}

type question struct {
	kind uint16
	name string
}

// answer holds one of the fields, by the question's kind.
type answer struct {
	naptr []NAPTR
	srv   []SRV
	hosts []netip.Addr
	until time.Time
}

// NewDNS makes a DNS that asks the machine's name servers, or those given as
// host:port.
func NewDNS(servers ...string) *DNS {
	d := &DNS{servers: servers, hosts: net.DefaultResolver, answers: make(map[question]answer)}

	if len(servers) > 0 {
		d.hosts = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, servers[0])
		}}

		return d
	}

	if config, err := dns.ClientConfigFromFile("/etc/resolv.conf"); err == nil {
		for _, s := range config.Servers {
			d.servers = append(d.servers, net.JoinHostPort(s, config.Port))
		}
	}

	return d
}

// NAPTR asks for a domain's preferred transports.
func (d *DNS) NAPTR(ctx context.Context, name string) ([]NAPTR, error) {
	a, err := d.recall(question{dns.TypeNAPTR, name}, func() (answer, error) {
		records, ttl, err := d.ask(ctx, name, dns.TypeNAPTR)

		var a answer

		for _, r := range records {
			if n, ok := r.(*dns.NAPTR); ok {
				a.naptr = append(a.naptr, NAPTR{n.Order, n.Preference, n.Flags, n.Service, n.Replacement})
			}
		}

		a.until = time.Now().Add(ttl)

		return a, err
	})

	return append([]NAPTR(nil), a.naptr...), err
}

// SRV asks for the hosts of a service.
func (d *DNS) SRV(ctx context.Context, name string) ([]SRV, error) {
	a, err := d.recall(question{dns.TypeSRV, name}, func() (answer, error) {
		records, ttl, err := d.ask(ctx, name, dns.TypeSRV)

		var a answer

		for _, r := range records {
			if s, ok := r.(*dns.SRV); ok {
				a.srv = append(a.srv, SRV{s.Priority, s.Weight, s.Port, s.Target})
			}
		}

		a.until = time.Now().Add(ttl)

		return a, err
	})

	return a.srv, err
}

// Hosts asks for a name's addresses, IPv4 and IPv6.
func (d *DNS) Hosts(ctx context.Context, name string) ([]netip.Addr, error) {
	a, err := d.recall(question{dns.TypeA, name}, func() (answer, error) {
		ctx, cancel := context.WithTimeout(ctx, 2*askLimit)
		defer cancel()

		addrs, err := d.hosts.LookupNetIP(ctx, "ip", name)

		var missing *net.DNSError
		if errors.As(err, &missing) && missing.IsNotFound {
			err = nil
		}

		if err != nil {
			err = fmt.Errorf("look up %s: %w", name, err)
		}

		return answer{hosts: addrs, until: time.Now().Add(hostTTL)}, err
	})

	return a.hosts, err
}

// recall gives the remembered answer while it is good, or asks. When that
// fails an answer that was good a while ago is still used.
func (d *DNS) recall(q question, ask func() (answer, error)) (answer, error) {
	now := time.Now()

	d.mu.Lock()
	known, ok := d.answers[q]
	d.mu.Unlock()

	if ok && now.Before(known.until) {
		return known, nil
	}

	fresh, err := ask()
	if err != nil {
		if ok && now.Before(known.until.Add(staleLimit)) {
			return known, nil
		}

		return answer{}, err
	}

	d.mu.Lock()
	defer d.mu.Unlock()

	if len(d.answers) >= maxAnswers {
		clear(d.answers)
	}

	d.answers[q] = fresh

	return fresh, nil
}

// ask asks one name server after another for records, and says how long the
// answer is good. A name without such records is an answer too.
func (d *DNS) ask(ctx context.Context, name string, kind uint16) ([]dns.RR, time.Duration, error) {
	query := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	query.SetEdns0(1232, false)

	faults := []error{errors.New("no name server is known")}

	for i, server := range d.servers {
		if i == 0 {
			faults = nil
		}

		reply, err := exchange(ctx, query, server)
		if err != nil {
			faults = append(faults, err)
			continue
		}

		return reply.Answer, lifetime(reply.Answer), nil
	}

	return nil, 0, fmt.Errorf("look up %s of %s: %w", dns.TypeToString[kind], name, errors.Join(faults...))
}

// exchange asks by UDP, and by TCP when the answer does not fit.
func exchange(ctx context.Context, query *dns.Msg, server string) (*dns.Msg, error) {
	reply, _, err := (&dns.Client{Timeout: askLimit}).ExchangeContext(ctx, query, server)
	if err == nil && reply.Truncated {
		reply, _, err = (&dns.Client{Net: "tcp", Timeout: askLimit}).ExchangeContext(ctx, query, server)
	}

	if err != nil {
		return nil, fmt.Errorf("name server %s: %w", server, err)
	}

	if reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("name server %s: %s", server, dns.RcodeToString[reply.Rcode])
	}

	return reply, nil
}

func lifetime(records []dns.RR) time.Duration {
	ttl := maxTTL
	if len(records) == 0 {
		ttl = hostTTL
	}

	for _, r := range records {
		ttl = min(ttl, time.Duration(r.Header().Ttl)*time.Second)
	}

	return max(ttl, minTTL)
}
