package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookEvery is how often the files are looked at, at most.
const lookEvery = 5 * time.Second

// Files are PEM files.
type Files struct {
	Certificate string // ours, and those of the authorities between it and the root
	Key         string // its private key
	// Authorities are who we believe, of clients and servers; empty means the
	// system's, for servers, and no client's certificate is asked for.
	Authorities string
}

// A Store holds what the files hold. Its methods may be called from any
// goroutine.
type Store struct {
	files Files
	log   *slog.Logger

	mu     sync.Mutex
	loaded *material
	stamp  [3]stamp
	looked time.Time
}

// material is what one reading of the files gave.
type material struct {
	certificate tls.Certificate
	authorities *x509.CertPool // nil: the system's
}

// stamp tells whether a file has changed.
type stamp struct {
	modified time.Time
	size     int64
}

// Open reads the files.
func Open(files Files, log *slog.Logger) (*Store, error) {
	s := &Store{files: files, log: log}

	return s, s.Reload()
}

// Reload reads the files again. On an error what was read before stays.
func (s *Store) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.reload()
}

func (s *Store) reload() error {
	s.looked, s.stamp = time.Now(), s.stamps()

	m, err := s.files.read()
	if err != nil {
		return err
	}

	s.loaded = m

	return nil
}

func (f *Files) read() (*material, error) {
	pair, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
	if err != nil {
		return nil, fmt.Errorf("certs: read the certificate %s and its key %s: %w", f.Certificate, f.Key, err)
	}

	m := &material{certificate: pair}

	if f.Authorities == "" {
		return m, nil
	}

	pem, err := os.ReadFile(f.Authorities)
	if err != nil {
		return nil, fmt.Errorf("certs: read the authorities: %w", err)
	}

	m.authorities = x509.NewCertPool()
	if !m.authorities.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("certs: %s holds no certificate", f.Authorities)
	}

	return m, nil
}

func (s *Store) stamps() [3]stamp {
	var all [3]stamp

	for i, name := range []string{s.files.Certificate, s.files.Key, s.files.Authorities} {
		if info, err := os.Stat(name); err == nil {
			all[i] = stamp{info.ModTime(), info.Size()}
		}
	}

	return all
}

// current is what connections are to use now.
func (s *Store) current() *material {
	s.mu.Lock()
	defer s.mu.Unlock()

	now := time.Now()
	if now.Sub(s.looked) < lookEvery {
		return s.loaded
	}

	s.looked = now

	if s.stamps() == s.stamp {
		return s.loaded
	}

	if err := s.reload(); err != nil {
		s.log.Error("the changed certificate cannot be used; the one before still is", slog.Any("error", err))
	} else {
		s.log.Info("certificate read again", slog.Time("valid_until", s.loaded.certificate.Leaf.NotAfter))
	}

	return s.loaded
}

// Server is for connections that are accepted. Clients may show a certificate
// when there are authorities; one that these did not sign ends the handshake.
func (s *Store) Server() *tls.Config {
	base := &tls.Config{MinVersion: tls.VersionTLS12}
	base.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		m := s.current()
		c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{m.certificate}}

		if m.authorities != nil {
			c.ClientAuth, c.ClientCAs = tls.VerifyClientCertIfGiven, m.authorities
		}

		return c, nil
	}

	return base
}

// Client is for connections that are dialed. ServerName is to be set for
// each. The far end's chain is verified here, because the authorities may
// change while the configuration is in use.
func (s *Store) Client() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &s.current().certificate, nil
		},
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection does it, with the authorities of now
		VerifyConnection:   s.verify,
	}
}

// verify checks a server's certificate: chain, time and name.
func (s *Store) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("certs: the far end shows no certificate")
	}

	between := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		between.AddCert(c)
	}

	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
		DNSName: state.ServerName, Roots: s.current().authorities, Intermediates: between,
	})
	if err != nil {
		return fmt.Errorf("certs: the far end's certificate: %w", err)
	}

	return nil
}
