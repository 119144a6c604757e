package stir

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// repository serves certificates under any host's name.
func repository(t *testing.T, h http.Handler) (*Fetcher, *tls.Config) {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	config := &tls.Config{InsecureSkipVerify: true} // the test's names are not in its certificate
	transport := &http.Transport{
		TLSClientConfig: config,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
		},
	}
	t.Cleanup(transport.CloseIdleConnections)

	return newFetcher([]string{"certs.example.org"}, transport), config
}

func inPEM(all ...*x509.Certificate) []byte {
	var text []byte
	for _, c := range all {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}

	return text
}

func TestFetchOnce(t *testing.T) {
	t.Parallel()
	ca := newIssuer(t)
	leaf := ca.issue(t, newKey(t), carrier(t))
	var asked atomic.Int32
	f, _ := repository(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write(inPEM(leaf, ca.cert))
	}))
	now := noon
	f.now = func() time.Time { return now }
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			chain, err := f.Chain(t.Context(), certURL)
			if err != nil || len(chain) != 2 || !chain[0].Equal(leaf) {
				t.Errorf("%d certificates, %v", len(chain), err)
			}
		})
	}
	all.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("fetched %d times; want once", n)
	}
	now = leaf.NotAfter.Add(time.Second)
	if _, err := f.Chain(t.Context(), certURL); err != nil || asked.Load() != 2 {
		t.Errorf("after the certificate's end: %v, fetched %d times; want twice", err, asked.Load())
	}
}

func TestFetchRefuses(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	f, _ := repository(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/leaf.pem", http.StatusFound)
		case "/large":
			_, _ = w.Write(make([]byte, fetchBytes+1))
		case "/empty":
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	for url, why := range map[string]string{
		"http://certs.example.org/leaf.pem":        "https",
		"https://u:p@certs.example.org/leaf.pem":   "https",
		"file:///etc/passwd":                       "https",
		"https://certs.example.org:22/leaf.pem":    "port 22",
		"https://127.0.0.1/leaf.pem":               "host 127.0.0.1",
		"https://certs.example.org.evil.test/leaf": "host",
		"https://certs.example.org/moved":          "answers 302",
		"https://certs.example.org/large":          "larger",
		"https://certs.example.org/empty":          "no certificate",
		"https://certs.example.org/none":           "answers 404",
	} {
		if _, err := f.Chain(t.Context(), url); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v; want an error with %q", url, err, why)
		}
	}
	if n := asked.Load(); n != 4 {
		t.Errorf("the server was asked %d times; want 4", n)
	}
	if _, err := f.Chain(t.Context(), "https://certs.example.org/none"); err == nil || asked.Load() != 4 {
		t.Errorf("a failure right after: %v, asked %d times; want it left alone", err, asked.Load())
	}
}

func TestOnlyThePublicNetworkIsConnectedTo(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1111": true,
		"127.0.0.1": false, "::1": false, "10.0.0.1": false, "172.16.1.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "224.0.0.1": false, "255.255.255.255": false, "fe80::1": false, "fd00::1": false,
		"::ffff:127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "192.0.2.1": false,
	} {
		err := publicOnly("tcp", net.JoinHostPort(netip.MustParseAddr(address).String(), "443"), nil)
		if (err == nil) != want {
			t.Errorf("%s: %v; want allowed %v", address, err, want)
		}
	}
	// A name of the operator's list that leads to this machine.
	f := NewFetcher(nil)
	if _, err := f.Chain(t.Context(), "https://localhost/leaf.pem"); err == nil || !strings.Contains(err.Error(), "public network") {
		t.Errorf("localhost: %v; want it refused before it is connected to", err)
	}
}
