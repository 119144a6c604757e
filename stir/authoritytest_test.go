package stir

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"
)

// noon is when the tests' calls come.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const certURL = "https://certs.example.org/leaf.pem"

// issuer is an authority that signs certificates of carriers.
type issuer struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	return key
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key := newKey(t)
	like := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test STI-CA"}, NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}

	return &issuer{key, certificate(t, like, like, key, key)}
}

func certificate(t *testing.T, like, parent *x509.Certificate, of, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, like, parent, &of.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}

	return c
}

// issue makes a certificate with a TNAuthorizationList of these entries; none
// means a certificate without the list.
func (i *issuer) issue(t *testing.T, key *ecdsa.PrivateKey, entries ...asn1.RawValue) *x509.Certificate {
	t.Helper()
	like := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "SHAKEN 999Z"}, NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour),
	}
	if len(entries) > 0 {
		list, err := asn1.Marshal(entries)
		if err != nil {
			t.Fatal(err)
		}
		like.ExtraExtensions = []pkix.Extension{{Id: authorityOID, Critical: true, Value: list}}
	}

	return certificate(t, like, i.cert, key, i.key)
}

// entry is one TNEntry.
func entry(t *testing.T, tag int, value any, params string) asn1.RawValue {
	t.Helper()
	inner, err := asn1.MarshalWithParams(value, params)
	if err != nil {
		t.Fatal(err)
	}

	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: inner}
}

func carrier(t *testing.T) asn1.RawValue { return entry(t, 0, "999Z", "ia5") }

func span(t *testing.T, first string, count int) asn1.RawValue {
	return entry(t, 1, struct {
		Start string `asn1:"ia5"`
		Count int
	}{first, count}, "")
}

// shelf has the chain of one URL.
type shelf struct {
	chain []*x509.Certificate
	err   error
	asked int
}

func (s *shelf) Chain(_ context.Context, url string) ([]*x509.Certificate, error) {
	s.asked++
	if url != certURL {
		return nil, context.DeadlineExceeded
	}

	return s.chain, s.err
}

func (i *issuer) verifier(chain ...*x509.Certificate) (*Verifier, *shelf) {
	roots := x509.NewCertPool()
	roots.AddCert(i.cert)
	s := &shelf{chain: chain}
	v := NewVerifier(s, roots)
	v.now = func() time.Time { return noon }

	return v, s
}
