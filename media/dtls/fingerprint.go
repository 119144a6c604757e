package dtls

import (
	"crypto"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
)

// Fingerprint is the hash of a certificate (RFC 8122). It can be compared; its
// zero value is none.
type Fingerprint struct {
	hash crypto.Hash
	sum  [64]byte
}

// hashes are those that are taken, by their names in SDP. Weaker ones prove
// nothing any more.
var hashes = map[string]crypto.Hash{"sha-256": crypto.SHA256, "sha-384": crypto.SHA384, "sha-512": crypto.SHA512}

// fingerprintOf is the fingerprint of a certificate in DER.
func fingerprintOf(hash crypto.Hash, der []byte) Fingerprint {
	f := Fingerprint{hash: hash}
	h := hash.New()
	h.Write(der)
	h.Sum(f.sum[:0])

	return f
}

// ParseFingerprint reads the value of a=fingerprint: a hash function, and the
// octets in hexadecimal between colons.
func ParseFingerprint(text string) (Fingerprint, error) {
	name, octets, _ := strings.Cut(strings.TrimSpace(text), " ")
	hash, ok := hashes[strings.ToLower(name)]
	if !ok {
		return Fingerprint{}, fmt.Errorf("dtls: the hash function %q of a fingerprint is none of sha-256, sha-384 and sha-512", name)
	}
	octets = strings.TrimSpace(octets)
	if len(octets) != 3*hash.Size()-1 {
		return Fingerprint{}, fmt.Errorf("dtls: a fingerprint of %d characters, %s has %d", len(octets), name, 3*hash.Size()-1)
	}
	f := Fingerprint{hash: hash}
	for i := range hash.Size() {
		if _, err := hex.Decode(f.sum[i:i+1], []byte(octets[3*i:3*i+2])); err != nil || i > 0 && octets[3*i-1] != ':' {
			return Fingerprint{}, fmt.Errorf("dtls: the fingerprint is not octets in hexadecimal between colons")
		}
	}

	return f, nil
}

// IsZero says that there is none.
func (f Fingerprint) IsZero() bool { return f.hash == 0 }

// Strength orders fingerprints by their hash functions.
func (f Fingerprint) Strength() int {
	if f.IsZero() {
		return 0
	}

	return f.hash.Size()
}

// String is the value of a=fingerprint; empty for none.
func (f Fingerprint) String() string {
	if f.IsZero() {
		return ""
	}
	var b strings.Builder
	for name, h := range hashes {
		if h == f.hash {
			b.WriteString(name)
		}
	}
	for i, octet := range f.sum[:f.hash.Size()] {
		separator := byte(':')
		if i == 0 {
			separator = ' '
		}
		fmt.Fprintf(&b, "%c%02X", separator, octet)
	}

	return b.String()
}

// fits reports whether a certificate, in DER, is the one that is meant.
func (f Fingerprint) fits(der []byte) bool {
	if f.IsZero() {
		return false
	}
	theirs := fingerprintOf(f.hash, der)

	return subtle.ConstantTimeCompare(theirs.sum[:], f.sum[:]) == 1
}
