package srtp

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	pion "github.com/pion/srtp/v3"
)

// Suite is a crypto suite of RFC 4568 section 6.2. Its zero value is none.
type Suite uint8

// The suites. They differ in the authentication tag of RTP; RTCP has 80 bits
// always.
const (
	None Suite = iota
	AES80
	AES32
)

var suites = [...]struct {
	name    string
	profile pion.ProtectionProfile
}{
	AES80: {"AES_CM_128_HMAC_SHA1_80", pion.ProtectionProfileAes128CmHmacSha1_80},
	AES32: {"AES_CM_128_HMAC_SHA1_32", pion.ProtectionProfileAes128CmHmacSha1_32},
}

// Suites are all suites, the strongest first.
func Suites() []Suite { return []Suite{AES80, AES32} }

// ByName finds a suite by its name in SDP, which is case-sensitive.
func ByName(name string) (Suite, bool) {
	for _, s := range Suites() {
		if suites[s].name == name {
			return s, true
		}
	}
	return None, false
}

// String is the name in SDP.
func (s Suite) String() string {
	if s == None || int(s) >= len(suites) {
		return "none"
	}
	return suites[s].name
}

// Lengths of a master key and its salt, in octets.
const (
	KeySize  = 16
	SaltSize = 14
)

// Key is the master key and salt of one direction, with its suite. Its zero
// value says that the direction is not protected. Keys can be compared.
type Key struct {
	suite  Suite
	master [KeySize + SaltSize]byte
}

// NewKey makes a random key.
func NewKey(s Suite) Key {
	k := Key{suite: s}
	_, _ = rand.Read(k.master[:]) // never fails
	return k
}

// ParseKey reads the base64 of master key and salt, as SDP carries it.
func ParseKey(s Suite, text string) (Key, error) {
	k := Key{suite: s}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != len(k.master) {
		return Key{}, fmt.Errorf("srtp: the key is not the base64 of %d octets", len(k.master))
	}
	copy(k.master[:], b)
	return k, nil
}

// MakeKey makes the key of a master key and salt that were agreed on otherwise,
// KeySize and SaltSize octets long.
func MakeKey(s Suite, master, salt []byte) Key {
	k := Key{suite: s}
	copy(k.master[:KeySize], master)
	copy(k.master[KeySize:], salt)
	return k
}

// Suite is the key's suite.
func (k Key) Suite() Suite { return k.suite }

// Inline is the base64 that SDP carries. It is the secret.
func (k Key) Inline() string { return base64.StdEncoding.EncodeToString(k.master[:]) }

// String names the suite only: keys are not for logs.
func (k Key) String() string { return k.suite.String() }

// GoString is String, so that %#v tells no key either.
func (k Key) GoString() string { return k.String() }

// Keys are those of both directions; both or none are set.
type Keys struct {
	Ours   Key // of what we send
	Theirs Key // of what the far end sends
}

// replayWindow is how many packets behind the latest one are told apart from
// replayed ones (RFC 3711 section 3.3.2 asks for at least 64).
const replayWindow = 128

func (k Key) context() (*pion.Context, error) {
	if k.suite == None {
		return nil, errors.New("srtp: no suite")
	}
	c, err := pion.CreateContext(k.master[:KeySize], k.master[KeySize:], suites[k.suite].profile,
		pion.SRTPReplayProtection(replayWindow), pion.SRTCPReplayProtection(replayWindow))
	if err != nil {
		return nil, fmt.Errorf("srtp: %w", err)
	}
	return c, nil
}
