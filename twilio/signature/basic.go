package signature

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"
)

// Basic validates the requests of a carrier that signs nothing and sends a user
// and a password (RFC 7617), as Exotel does.
type Basic struct{ users [][sha256.Size]byte }

// NewBasic makes a validator. users are USER:PASSWORD.
func NewBasic(users ...string) (*Basic, error) {
	v := &Basic{}
	for _, u := range users {
		if user, password, ok := strings.Cut(u, ":"); !ok || user == "" || password == "" {
			return nil, errors.New("signature: the secret of a carrier that signs nothing is USER:PASSWORD, as they stand in the URL that it was given")
		}
		v.users = append(v.users, sha256.Sum256([]byte(u)))
	}
	if len(v.users) == 0 {
		return nil, errNoSecret
	}

	return v, nil
}

// Valid reports whether a request has one of the users. header gives its
// headers.
func (v *Basic) Valid(header func(name string) string) bool {
	encoded, basic := strings.CutPrefix(header("Authorization"), "Basic ")
	given, err := base64.StdEncoding.DecodeString(encoded)
	if !basic || err != nil {
		return false
	}
	hash := sha256.Sum256(given) // of one length, so that a comparison tells none
	valid := 0
	for _, u := range v.users {
		valid |= subtle.ConstantTimeCompare(hash[:], u[:])
	}

	return valid == 1
}
