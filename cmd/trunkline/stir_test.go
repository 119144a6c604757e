package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trunkline/config"
	"trunkline/sip"
)

func TestSigningKey(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	// openssl ecparam -genkey writes the curve before the key.
	curve := pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}})
	for name, text := range map[string][]byte{
		"SEC 1":   append(curve, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})...),
		"PKCS #8": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	} {
		path := filepath.Join(t.TempDir(), "key.pem")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		var door sip.Config
		err := identities(&config.STIR{Sign: config.Signer{KeyFile: path, CertificateURL: "https://certs.example.org/ours.pem"}}, &door)
		if err != nil || door.Signer == nil || door.Verifier != nil {
			t.Errorf("%s: %v, signer %v", name, err, door.Signer)
		}
	}
	path := filepath.Join(t.TempDir(), "none.pem")
	if err := os.WriteFile(path, curve, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []config.STIR{{Sign: config.Signer{KeyFile: path}}, {Roots: path}} {
		if err := identities(&c, new(sip.Config)); err == nil || !strings.Contains(err.Error(), "sip.stir.") {
			t.Errorf("%+v: %v; want an error that names the key", c, err)
		}
	}
}
