package stir

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Bounds of a fetch. The caller chooses the URL.
const (
	fetchTime  = 2 * time.Second
	fetchBytes = 64 << 10
	chainsKept = 1000             // some 10 MB
	chainAge   = 24 * time.Hour   // after which a chain is fetched anew
	failureAge = 30 * time.Second // in which a URL that failed is left alone
)

// Fetcher fetches the certificates that identities name, and keeps them. The
// URL is the caller's, so it is followed with care: https on port 443 or 8443,
// hosts of the operator's list if there is one, no redirect, no address that
// is not a public one, and little time and room. It is safe for concurrent
// use.
type Fetcher struct {
	hosts  []string
	client *http.Client
	now    func() time.Time

	mu     sync.Mutex
	chains map[string]*chain
}

// chain is what a URL gave.
type chain struct {
	done  chan struct{} // closed when it is known
	certs []*x509.Certificate
	err   error
	until time.Time
}

// NewFetcher makes a Fetcher for certificates of these hosts; none means any.
func NewFetcher(hosts []string) *Fetcher {
	dialer := &net.Dialer{Timeout: fetchTime, Control: publicOnly}

	return newFetcher(hosts, &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: fetchTime, MaxIdleConns: 4, ForceAttemptHTTP2: true})
}

func newFetcher(hosts []string, t http.RoundTripper) *Fetcher {
	return &Fetcher{
		hosts: hosts, now: time.Now, chains: make(map[string]*chain),
		client: &http.Client{
			Transport: t, Timeout: fetchTime,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// publicOnly refuses to connect to what is not on the public network. It sees
// the address after the name was resolved, so no name can lead elsewhere.
func publicOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("the address %q cannot be read", address)
	}
	if !public(at.Addr().Unmap()) {
		return errors.New("the certificate's host is not on the public network")
	}

	return nil
}

// notPublic are the networks that netip has no word for: shared (RFC 6598),
// protocol assignments, documentation, benchmarks, reserved, and the
// translations that lead into IPv4.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"), netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
}

func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Chain implements Certificates. Calls that ask for the same URL wait for one
// fetch.
func (f *Fetcher) Chain(ctx context.Context, address string) ([]*x509.Certificate, error) {
	if err := f.allowed(address); err != nil {
		return nil, err
	}
	f.mu.Lock()
	c := f.chains[address]
	if c == nil || c.over(f.now()) {
		c = &chain{done: make(chan struct{})}
		f.room()
		f.chains[address] = c
		f.mu.Unlock()
		f.fill(ctx, c, address)
	} else {
		f.mu.Unlock()
	}
	select {
	case <-c.done:
		return c.certs, c.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// over reports whether a known chain is too old.
func (c *chain) over(now time.Time) bool {
	select {
	case <-c.done:
		return now.After(c.until)
	default:
		return false
	}
}

// room forgets a chain when there are too many: any, since which of them will
// be asked for is not known.
func (f *Fetcher) room() {
	if len(f.chains) < chainsKept {
		return
	}
	for address := range f.chains {
		delete(f.chains, address)

		return
	}
}

// fill fetches. The fetch is bounded by itself and does not end with the call
// that began it, since others wait for it.
func (f *Fetcher) fill(ctx context.Context, c *chain, address string) {
	defer close(c.done)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTime)
	defer cancel()
	if c.certs, c.err = f.fetch(ctx, address); c.err != nil {
		c.until = f.now().Add(failureAge)

		return
	}
	c.until = f.now().Add(chainAge)
	if ends := c.certs[0].NotAfter; ends.Before(c.until) {
		c.until = ends
	}
}

// allowed says why a URL is not followed.
func (f *Fetcher) allowed(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil:
		return errors.New("its address is no https URL")
	case u.Port() != "" && u.Port() != "443" && u.Port() != "8443":
		return fmt.Errorf("its address has the port %s, not 443 or 8443", u.Port())
	case len(f.hosts) > 0 && !slices.Contains(f.hosts, u.Hostname()):
		return fmt.Errorf("its host %s is not one that certificates are taken from", u.Hostname())
	}

	return nil
}

func (f *Fetcher) fetch(ctx context.Context, address string) ([]*x509.Certificate, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("its address: %w", err)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, err //nolint:wrapcheck // it names method and URL
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("its server answers %d", resp.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, fetchBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read it: %w", err)
	case len(text) > fetchBytes:
		return nil, fmt.Errorf("it is larger than %d bytes", fetchBytes)
	}

	return ParseCertificates(text)
}

// ParseCertificates reads certificates in PEM, one at least: a chain, or the
// trust list of the STI-PA.
func ParseCertificates(text []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(all)+1, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("there is no certificate in PEM in it")
	}

	return all, nil
}
