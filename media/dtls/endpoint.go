package dtls

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"
)

// maxHandshakes is how many handshakes a process makes at once. Each takes a
// processor for a few milliseconds; those that come later wait.
const maxHandshakes = 32

// validity of the certificate. Nobody reads it: the fingerprint is what counts.
const validity = 10 * 365 * 24 * time.Hour

// Endpoint is what the calls of one process share. It may be used from any
// goroutine.
type Endpoint struct {
	certificate tls.Certificate
	fingerprint Fingerprint
	places      chan struct{} // one for each handshake that runs
}

// NewEndpoint makes an endpoint with a new certificate, which lives as long as
// the process.
func NewEndpoint() (*Endpoint, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("dtls: make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 63))
	if err != nil {
		return nil, fmt.Errorf("dtls: make a serial number: %w", err)
	}
	now := time.Now()
	template := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "trunkline"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(validity),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("dtls: make a certificate: %w", err)
	}

	return &Endpoint{
		certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		fingerprint: fingerprintOf(crypto.SHA256, der),
		places:      make(chan struct{}, maxHandshakes),
	}, nil
}

// Fingerprint is that of the endpoint's certificate.
func (e *Endpoint) Fingerprint() Fingerprint { return e.fingerprint }
