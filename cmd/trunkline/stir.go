package main

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"trunkline/config"
	"trunkline/sip"
	"trunkline/stir"
)

// identities gives the SIP door what caller identities are checked and made
// with.
func identities(c *config.STIR, door *sip.Config) error {
	if c.Roots != "" {
		text, err := os.ReadFile(c.Roots)
		if err != nil {
			return fmt.Errorf("sip.stir.roots: %w", err)
		}
		certificates, err := stir.ParseCertificates(text)
		if err != nil {
			return fmt.Errorf("sip.stir.roots: %s: %w", c.Roots, err)
		}
		roots := x509.NewCertPool()
		for _, r := range certificates {
			roots.AddCert(r)
		}
		door.Verifier = stir.NewVerifier(stir.NewFetcher(c.Repositories), roots)
	}
	if c.Sign.KeyFile == "" {
		return nil
	}
	key, err := signingKey(c.Sign.KeyFile)
	if err != nil {
		return fmt.Errorf("sip.stir.sign.key_file: %w", err)
	}
	door.Signer, err = stir.NewSigner(key, c.Sign.CertificateURL)

	return err
}

// signingKey reads a key as openssl writes it: PKCS #8 or SEC 1.
func signingKey(path string) (*ecdsa.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return nil, errors.New("there is no private key of an elliptic curve in it")
		}
		if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			return key, nil
		}
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := key.(*ecdsa.PrivateKey); ok {
				return key, nil
			}
		}
	}
}

// attesting are the values of a trunk's stir.check.
var attesting = map[string]sip.Attesting{"": sip.AttestOff, "off": sip.AttestOff, "note": sip.AttestNote, "require": sip.AttestRequire}
