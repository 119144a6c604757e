package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

const (
	keyBytes   = 32 // AES-256
	nonceBytes = 12
	tagBytes   = 16
	idBytes    = 16 // of a file
)

// ErrNoKey says that a file's key is wrapped by a key that is not in the
// Keyring.
var ErrNoKey = errors.New("the key that this recording was encrypted with is not among the configured ones")

// Keyring holds the keys that wrap the files' keys. The first one wraps new
// ones; all of them unwrap.
type Keyring struct {
	keys []wrapping
}

type wrapping struct {
	id   string
	aead cipher.AEAD
}

// ParseKeys reads a Keyring: 32 bytes in base64 or hexadecimal for each key,
// separated by spaces, commas or newlines; what follows a # in a line is a
// comment. Errors name a key by its place and never quote it.
func ParseKeys(text string) (*Keyring, error) {
	k := &Keyring{}
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r\n,", r) }) {
			n := len(k.keys) + 1
			raw, err := decodeKey(word)
			if err != nil {
				return nil, fmt.Errorf("key %d: %w", n, err)
			}
			aead, err := newAEAD(raw)
			if err != nil {
				return nil, fmt.Errorf("key %d: %w", n, err)
			}
			w := wrapping{id: keyID(raw), aead: aead}
			for i, other := range k.keys {
				if other.id == w.id {
					return nil, fmt.Errorf("key %d is key %d again", n, i+1)
				}
			}
			k.keys = append(k.keys, w)
		}
	}
	if len(k.keys) == 0 {
		return nil, errors.New("there is no key: make one with: head -c 32 /dev/urandom | base64")
	}
	return k, nil
}

// LoadKeys reads a Keyring from a file that only its owner and group may read.
func LoadKeys(path string) (*Keyring, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("recording keys: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("recording keys: everybody on this machine may use %s: chmod o= it", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("recording keys: %w", err)
	}
	k, err := ParseKeys(string(text))
	if err != nil {
		return nil, fmt.Errorf("recording keys: %s: %w", path, err)
	}
	return k, nil
}

func decodeKey(word string) ([]byte, error) {
	if raw, err := hex.DecodeString(word); err == nil && len(raw) == keyBytes {
		return raw, nil
	}
	for _, base := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if raw, err := base.Strict().DecodeString(word); err == nil && len(raw) == keyBytes {
			return raw, nil
		}
	}
	return nil, fmt.Errorf("%d characters are not %d bytes in base64 or hexadecimal", len(word), keyBytes)
}

// keyID names a key without telling anything of it.
func keyID(raw []byte) string {
	sum := sha256.Sum256(append([]byte("trunkline recording key\x00"), raw...))
	return hex.EncodeToString(sum[:8])
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// ID names the key that wraps new files' keys: 16 hexadecimal digits.
func (k *Keyring) ID() string { return k.keys[0].id }

// Key is the key of one file.
type Key struct {
	file [idBytes]byte
	aead cipher.AEAD
	// KeyID names the key that wraps this one.
	KeyID string
	// wrapped is the content of the key file.
	wrapped []byte
}

// New makes the key of a new file.
func (k *Keyring) New() (*Key, error) {
	raw := make([]byte, keyBytes)
	nonce := make([]byte, nonceBytes)
	out := &Key{KeyID: k.ID()}
	for _, b := range [][]byte{raw, nonce, out.file[:]} {
		if _, err := rand.Read(b); err != nil {
			return nil, fmt.Errorf("seal: new key: %w", err)
		}
	}
	var err error
	if out.aead, err = newAEAD(raw); err != nil {
		return nil, fmt.Errorf("seal: new key: %w", err)
	}
	w := k.keys[0]
	sealed := w.aead.Seal(nonce, nonce, raw, wrapData(w.id, out.file))
	out.wrapped = fmt.Appendf(nil, "%s\nfile %x\nkey %s\ndata %s\n", keyFileHead, out.file, w.id, base64.StdEncoding.EncodeToString(sealed))
	clear(raw)
	return out, nil
}

// keyFileHead is the first line of a key file.
const keyFileHead = "trunkline recording key 1"

// wrapData binds a wrapped key to its file and to the key that wraps it.
func wrapData(id string, file [idBytes]byte) []byte {
	return fmt.Appendf(nil, "%s\n%s\n%x", keyFileHead, id, file)
}

// Open reads the content of a key file. The error is ErrNoKey when another
// key is needed.
func (k *Keyring) Open(keyFile []byte) (*Key, error) {
	file, id, sealed, err := parseKeyFile(keyFile)
	if err != nil {
		return nil, fmt.Errorf("seal: key file: %w", err)
	}
	for _, w := range k.keys {
		if w.id != id {
			continue
		}
		raw, err := w.aead.Open(nil, sealed[:nonceBytes], sealed[nonceBytes:], wrapData(id, file))
		if err != nil {
			return nil, errors.New("seal: key file: it was changed: its content does not fit its key")
		}
		aead, err := newAEAD(raw)
		clear(raw)
		if err != nil {
			return nil, fmt.Errorf("seal: key file: %w", err)
		}
		return &Key{file: file, aead: aead, KeyID: id, wrapped: bytes.Clone(keyFile)}, nil
	}
	return nil, fmt.Errorf("seal: %w: it has the id %s", ErrNoKey, id)
}

func parseKeyFile(content []byte) (file [idBytes]byte, id string, sealed []byte, err error) {
	var fileText, data string
	n, err := fmt.Sscanf(string(content), keyFileHead+"\nfile %32s\nkey %16s\ndata %s\n", &fileText, &id, &data)
	if err != nil || n != 3 {
		return file, "", nil, errors.New("it is none, or damaged")
	}
	raw, err := hex.DecodeString(fileText)
	if err != nil || len(raw) != idBytes {
		return file, "", nil, errors.New("its file's name is damaged")
	}
	sealed, err = base64.StdEncoding.Strict().DecodeString(data)
	if err != nil || len(sealed) != nonceBytes+keyBytes+tagBytes {
		return file, "", nil, errors.New("its wrapped key is damaged")
	}
	return [idBytes]byte(raw), id, sealed, nil
}

// Save writes the key file at path, which must not be there, and waits until
// it is on the disk.
func (k *Key) Save(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("seal: key file: %w", err)
	}
	_, err = file.Write(k.wrapped)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("seal: key file: %w", err)
	}
	return nil
}

// Load reads the key file at path.
func (k *Keyring) Load(path string) (*Key, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("seal: key file: %w", err)
	}
	return k.Open(content)
}

// Destroy overwrites and removes the key file at path, after which nobody can
// read what the key has sealed. It is no error when there is none.
func Destroy(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("seal: destroy key: %w", err)
	}
	info, err := file.Stat()
	if err == nil {
		_, err = file.WriteAt(make([]byte, info.Size()), 0)
	}
	if err := errors.Join(err, file.Sync(), file.Close(), os.Remove(path)); err != nil {
		return fmt.Errorf("seal: destroy key: %w", err)
	}
	return nil
}
