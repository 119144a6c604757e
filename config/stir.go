package config

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
)

// STIR is what signed caller identities are checked and made with
// (STIR/SHAKEN).
type STIR struct {
	// Roots is a PEM file of the authorities whose certificates are trusted:
	// the STI-PA's list. Without it no trunk can check identities.
	Roots string `yaml:"roots"`
	// Repositories are the hosts that certificates are fetched from; empty:
	// any on the public network.
	Repositories []string `yaml:"repositories"`
	Sign         Signer   `yaml:"sign"`
}

// Signer is the certificate of an operator that signs calls itself, and not
// its carrier.
type Signer struct {
	KeyFile        string `yaml:"key_file"`        // PEM, a key on P-256
	CertificateURL string `yaml:"certificate_url"` // where others fetch its certificate
}

// TrunkSTIR says what signatures are for on one trunk.
type TrunkSTIR struct {
	Check string `yaml:"check"` // "off"; "note", in the record; or "require", which refuses other calls
	Sign  string `yaml:"sign"`  // attestation of our calls: "A", "B" or "C"; empty: they are not signed
}

func (v *validator) stir(c *Config) {
	s := &c.SIP.STIR
	v.readable("sip.stir.roots", s.Roots)
	v.readable("sip.stir.sign.key_file", s.Sign.KeyFile)
	if (s.Sign.KeyFile == "") != (s.Sign.CertificateURL == "") {
		v.addf("sip.stir.sign", "needs both key_file and certificate_url")
	}
	if u, err := url.Parse(s.Sign.CertificateURL); s.Sign.CertificateURL != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		v.addf("sip.stir.sign.certificate_url", "%q is no https URL", s.Sign.CertificateURL)
	}
	for i, t := range c.SIP.Trunks {
		path := fmt.Sprintf("sip.trunks[%d].stir", i)
		check := cmp.Or(t.STIR.Check, "off")
		v.oneOf(path+".check", check, "off", "note", "require")
		if check != "off" && s.Roots == "" {
			v.addf(path+".check", "%q needs the authorities that are trusted; set sip.stir.roots", check)
		}
		v.oneOf(path+".sign", t.STIR.Sign, "", "A", "B", "C")
		if t.STIR.Sign != "" && s.Sign.KeyFile == "" {
			v.addf(path+".sign", "needs a certificate of your own; set sip.stir.sign, or leave it to your carrier")
		}
	}
}

// readable checks that a named file can be opened.
func (v *validator) readable(path, name string) {
	if name == "" {
		return
	}
	f, err := os.Open(name)
	if err != nil {
		v.addf(path, "cannot be read: %v", err)

		return
	}
	_ = f.Close() // it was only opened
}
