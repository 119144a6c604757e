package ice

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
)

// Lengths of the fragments and passwords that are taken, in characters
// (RFC 8839 section 5.4).
const (
	minUfrag, minPwd = 4, 22
	longest          = 256
)

// Credentials are what one side gives the other to make checks with. They can
// be compared; the zero value is none.
type Credentials struct {
	Ufrag string // username fragment
	pwd   string
}

// NewCredentials makes random ones: 48 bits of fragment and 144 of password.
func NewCredentials() Credentials {
	var b [24]byte
	_, _ = rand.Read(b[:]) // never fails
	text := base64.StdEncoding.EncodeToString(b[:])
	const ufrag = 8

	return Credentials{Ufrag: text[:ufrag], pwd: text[ufrag:]}
}

// ParseCredentials takes the values of a=ice-ufrag and a=ice-pwd.
func ParseCredentials(ufrag, pwd string) (Credentials, error) {
	if err := check("ufrag", ufrag, minUfrag); err != nil {
		return Credentials{}, err
	}
	if err := check("password", pwd, minPwd); err != nil {
		return Credentials{}, err
	}

	return Credentials{Ufrag: ufrag, pwd: pwd}, nil
}

func check(what, text string, least int) error {
	if len(text) < least || len(text) > longest {
		return fmt.Errorf("ice: the %s has %d characters, want %d to %d", what, len(text), least, longest)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune(alphabet, r) }) {
		return fmt.Errorf("ice: the %s has other characters than letters, digits, + and /", what)
	}

	return nil
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// Password is the value of a=ice-pwd. It is the secret.
func (c Credentials) Password() string { return c.pwd }

// String is the fragment only: passwords are not for logs.
func (c Credentials) String() string { return c.Ufrag }

// GoString is String, so that %#v tells no password either.
func (c Credentials) GoString() string { return c.Ufrag }
