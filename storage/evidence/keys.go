package evidence

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"trunkline/privacy"
)

// secretBytes is the length of the secret that a key file holds.
const secretBytes = 32

// Keys hash and seal telephone numbers. Both keys come from one secret: who
// loses it can neither find nor read a number in the evidence again.
type Keys struct {
	number []byte      // of the HMAC
	seal   cipher.AEAD // AES-256-GCM
}

// Callee is the keyed hash that stands for a telephone number.
type Callee [sha256.Size]byte

// String is the hash in hexadecimal.
func (c Callee) String() string { return hex.EncodeToString(c[:]) }

// MarshalText implements encoding.TextMarshaler.
func (c Callee) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Callee) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(c) {
		return errors.New("a callee is 32 bytes in hexadecimal")
	}
	*c = Callee(b)

	return nil
}

// OpenKeyFile reads the secret from a file that holds 32 bytes in base64. With
// create it makes the file when it is missing.
func OpenKeyFile(path string, create bool) (*Keys, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && create {
		text, err = makeKeyFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("the key of the evidence: %w", err)
	}
	k, err := ParseKeys(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}

	return k, nil
}

func makeKeyFile(path string) ([]byte, error) {
	secret := make([]byte, secretBytes)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	text := []byte(base64.StdEncoding.EncodeToString(secret) + "\n")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// Of two processes that make it at once, the second reads the first's.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return os.ReadFile(path)
	}
	if err != nil {
		return nil, err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}

	return text, errors.Join(err, f.Close())
}

// ParseKeys derives the keys from a secret: 32 bytes in base64. Errors never
// quote it.
func ParseKeys(text string) (*Keys, error) {
	secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(secret) != secretBytes {
		return nil, errors.New("the key of the evidence must be 32 bytes in base64; make one with: (umask 077; head -c 32 /dev/urandom | base64 > FILE)")
	}
	k := &Keys{}
	if k.number, err = hkdf.Key(sha256.New, secret, nil, "trunkline evidence number", sha256.Size); err != nil {
		return nil, err
	}
	sealing, err := hkdf.Key(sha256.New, secret, nil, "trunkline evidence seal", sha256.Size)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return nil, err
	}
	k.seal, err = cipher.NewGCMWithRandomNonce(block)

	return k, err
}

// Callee hashes a number, which must be E.164: another way of writing it would
// have another hash.
func (k *Keys) Callee(number privacy.Number) Callee {
	mac := hmac.New(sha256.New, k.number)
	mac.Write([]byte(number)) // never fails

	return Callee(mac.Sum(nil))
}

// fingerprint tells one secret from another without giving it away.
func (k *Keys) fingerprint() []byte {
	mac := hmac.New(sha256.New, k.number)
	mac.Write([]byte("fingerprint")) // no number: it has no plus sign

	return mac.Sum(nil)
}

// Seal encrypts data for the row of an id: it opens for that id only.
func (k *Keys) Seal(data []byte, id [16]byte) []byte {
	return k.seal.Seal(nil, nil, data, id[:]) //nolint:gosec // the AEAD makes a random nonce and wants none
}

// Open decrypts what Seal sealed.
func (k *Keys) Open(sealed []byte, id [16]byte) ([]byte, error) {
	data, err := k.seal.Open(nil, nil, sealed, id[:])
	if err != nil {
		return nil, errors.New("the sealed data was made with another key, belongs to another row, or was changed")
	}

	return data, nil
}

// openText opens what was sealed and stands in an entry, as base64.
func (k *Keys) openText(text string, id [16]byte) (string, error) {
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", err
	}
	data, err := k.Open(sealed, id)

	return string(data), err
}
