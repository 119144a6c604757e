package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// prefix lets a key be recognised, by people and by programs that look for
// secrets in what is published.
const prefix = "tlk_"

// keyBytes is the randomness of a key: too much to be guessed, so that its
// plain hash may be kept.
const keyBytes = 32

// Sum is the SHA-256 of a key.
type Sum [sha256.Size]byte

// String is the sum in hexadecimal, as the configuration has it.
func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// SumOf hashes a key.
func SumOf(key string) Sum { return sha256.Sum256([]byte(key)) }

// ParseSum reads a sum in hexadecimal.
func ParseSum(s string) (Sum, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != sha256.Size {
		return Sum{}, errors.New("is no SHA-256 in hexadecimal; make a key with: trunkline key NAME --role ROLE")
	}

	return Sum(b), nil
}

// NewKey makes a key.
func NewKey() string {
	b := make([]byte, keyBytes)
	_, _ = rand.Read(b) // it never fails

	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

// Holder is who showed a key.
type Holder struct {
	Name string
	Role Role
}

// local is whoever reaches a gateway that has no keys.
var local = Holder{Name: "local", Role: Admin}

// Keys are those that the gateway knows. It is safe for concurrent use once
// all are added.
type Keys struct{ holders map[Sum]Holder }

// Add makes a key known.
func (k *Keys) Add(s Sum, h Holder) error {
	if other, ok := k.holders[s]; ok {
		return fmt.Errorf("the keys of %q and %q are the same", other.Name, h.Name)
	}
	if k.holders == nil {
		k.holders = make(map[Sum]Holder)
	}
	k.holders[s] = h

	return nil
}

// Holder is who sends a request. Without any keys everybody is the local
// administrator. Otherwise a key has to come as a bearer token (RFC 6750
// section 2.1), or, since browsers ask for that, as the password of any user
// (RFC 7617).
func (k *Keys) Holder(r *http.Request) (Holder, bool) {
	if k == nil || len(k.holders) == 0 {
		return local, true
	}
	key, ok := shown(r)
	if !ok {
		return Holder{}, false
	}
	h, ok := k.holders[SumOf(key)]

	return h, ok
}

func shown(r *http.Request) (key string, ok bool) {
	if _, password, basic := r.BasicAuth(); basic {
		return password, true
	}
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}

	return strings.TrimSpace(token), true
}
