package signature

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strconv"
	"time"
)

// Fresh is how old a signature with a time in it may be.
const Fresh = 5 * time.Minute

// Telnyx validates the webhooks of an account with Telnyx: Ed25519 over the
// time and the body
// (https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks).
type Telnyx struct{ keys []ed25519.PublicKey }

// NewTelnyx makes a validator. keys are the account's public keys, in base64:
// the current one and, while they are changed, the one before or after it.
func NewTelnyx(keys ...string) (*Telnyx, error) {
	v := &Telnyx{}
	for _, k := range keys {
		raw, err := base64.StdEncoding.DecodeString(k)
		if err != nil || len(raw) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("signature: a public key of Telnyx is %d octets in base64; copy it from the account's keys", ed25519.PublicKeySize)
		}
		v.keys = append(v.keys, raw)
	}
	if len(v.keys) == 0 {
		return nil, errNoSecret
	}

	return v, nil
}

// Valid reports whether a request comes from Telnyx. header gives its headers.
func (v *Telnyx) Valid(r *Request, header func(name string) string, now time.Time) bool {
	stamp := header("Telnyx-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > Fresh {
		return false
	}
	signed, err := base64.StdEncoding.DecodeString(header("Telnyx-Signature-Ed25519"))
	if err != nil {
		return false
	}
	message := append([]byte(stamp+"|"), r.Body...)
	for _, k := range v.keys {
		if ed25519.Verify(k, message, signed) {
			return true
		}
	}

	return false
}
