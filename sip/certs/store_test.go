package certs_test

import (
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trunkline/sip/certs"
	"trunkline/sip/certs/certstest"
)

// open makes a store of a certificate for name, signed by a.
func open(t *testing.T, a *certstest.Authority, dir, name string) *certs.Store {
	t.Helper()

	s, err := certs.Open(a.Issue(t, dir, name), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}

	return s
}

// handshake is what both ends of a connection to a server of the given name
// think of each other.
func handshake(server, client *certs.Store, name string) (seen, shown string, serverErr, clientErr error) {
	near, far := net.Pipe()
	config := client.Client()
	config.ServerName = name

	s, c := tls.Server(far, server.Server()), tls.Client(near, config)
	done := make(chan struct{})

	go func() {
		defer close(done)

		if serverErr = s.Handshake(); serverErr != nil {
			far.Close()
		}
	}()

	if clientErr = c.Handshake(); clientErr != nil {
		near.Close()
	}

	// The client's certificate is looked at after the client has finished: it
	// learns of a refusal by reading.
	if clientErr == nil {
		go func() { _, _ = c.Read(make([]byte, 1)) }()
	}

	<-done
	near.Close()
	far.Close()

	if certs := c.ConnectionState().PeerCertificates; len(certs) > 0 {
		seen = certs[0].DNSNames[0]
	}

	if certs := s.ConnectionState().PeerCertificates; len(certs) > 0 {
		shown = certs[0].DNSNames[0]
	}

	return seen, shown, serverErr, clientErr
}

func TestBothEndsAreVerified(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, others := certstest.NewAuthority(t), certstest.NewAuthority(t)
		gateway := open(t, ours, t.TempDir(), "gw.example")
		carrier := open(t, ours, t.TempDir(), "carrier.example")
		stranger := open(t, others, t.TempDir(), "carrier.example")

		if seen, shown, serverErr, clientErr := handshake(gateway, carrier, "gw.example"); serverErr != nil || clientErr != nil ||
			seen != "gw.example" || shown != "carrier.example" {
			t.Error(seen, shown, serverErr, clientErr)
		}

		if _, _, _, err := handshake(gateway, carrier, "other.example"); err == nil || !strings.Contains(err.Error(), "other.example") {
			t.Errorf("another name: %v", err)
		}

		if _, _, _, err := handshake(stranger, gateway, "carrier.example"); err == nil {
			t.Error("a server of another authority is believed")
		}

		if _, _, err, _ := handshake(gateway, stranger, "gw.example"); err == nil {
			t.Error("a client of another authority is believed")
		}

		time.Sleep(2 * certstest.Life)

		if _, _, _, err := handshake(gateway, carrier, "gw.example"); err == nil {
			t.Error("an expired certificate is believed")
		}
	})
}

func TestRenewedCertificateIsShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := certstest.NewAuthority(t)
		dir := t.TempDir()
		gateway, client := open(t, a, dir, "old.example"), open(t, a, t.TempDir(), "client.example")

		a.Issue(t, dir, "new.example")

		if seen, _, _, err := handshake(gateway, client, "old.example"); err != nil || seen != "old.example" {
			t.Error("looked at too early:", seen, err)
		}

		time.Sleep(6 * time.Second)

		if seen, _, _, err := handshake(gateway, client, "new.example"); err != nil || seen != "new.example" {
			t.Error("not looked at:", seen, err)
		}

		if err := os.WriteFile(filepath.Join(dir, "cert.pem"), []byte("half a file"), 0o600); err != nil {
			t.Fatal(err)
		}

		time.Sleep(6 * time.Second)

		if seen, _, _, err := handshake(gateway, client, "new.example"); err != nil || seen != "new.example" {
			t.Error("a broken file has taken the certificate away:", seen, err)
		}

		if err := gateway.Reload(); err == nil {
			t.Error("Reload of a broken file is no error")
		}

		a.Issue(t, dir, "newest.example")

		if err := gateway.Reload(); err != nil {
			t.Error(err)
		}

		if seen, _, _, err := handshake(gateway, client, "newest.example"); err != nil || seen != "newest.example" {
			t.Error("not shown after Reload:", seen, err)
		}
	})
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	t.Parallel()

	a := certstest.NewAuthority(t)
	dir := t.TempDir()
	good := a.Issue(t, dir, "gw.example")

	for name, spoil := range map[string]func(*certs.Files){
		"no certificate": func(f *certs.Files) { f.Certificate = filepath.Join(dir, "none") },
		"another's key":  func(f *certs.Files) { f.Key = a.Issue(t, t.TempDir(), "x").Key },
		"no authority":   func(f *certs.Files) { f.Authorities = filepath.Join(dir, "none") },
		"empty":          func(f *certs.Files) { f.Authorities = f.Key },
	} {
		files := good
		spoil(&files)

		if _, err := certs.Open(files, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
