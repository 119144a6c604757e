package bundle

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"
	"time"

	"trunkline/compliance"
)

// Format names this version of the form.
const Format = "trunkline-evidence-1"

// signed goes before what is signed, so that a signature of something else is
// not taken for one of a bundle.
const signed = "trunkline evidence bundle 1\n"

type header struct {
	Format string    `json:"format"`
	MadeAt time.Time `json:"made_at"`
}

type line struct {
	Tenant string          `json:"tenant"`
	Seq    int64           `json:"seq"`
	Entry  json.RawMessage `json:"entry"`
	Hash   string          `json:"hash"`
}

// Head is the end of a tenant's chain.
type Head struct {
	Tenant string `json:"tenant"`
	Seq    int64  `json:"seq"` // of its last entry, and how many there are
	Hash   string `json:"hash"`
}

type heads struct {
	Heads []Head `json:"heads"`
}

type seal struct {
	Key       string `json:"key"` // public, base64
	SHA256    string `json:"sha256"`
	Signature string `json:"signature"` // Ed25519, base64
}

// Link is the hash of an entry that follows the one with the hash prev.
func Link(prev [sha256.Size]byte, seq int64, entry []byte) [sha256.Size]byte {
	return sha256.Sum256(append(binary.BigEndian.AppendUint64(prev[:], uint64(seq)), entry...))
}

// Writer writes a bundle.
type Writer struct {
	out   *bufio.Writer
	sum   hash.Hash
	key   ed25519.PrivateKey
	heads []Head
}

// NewWriter begins a bundle that key will sign.
func NewWriter(w io.Writer, key ed25519.PrivateKey, at time.Time) (*Writer, error) {
	b := &Writer{out: bufio.NewWriterSize(w, 1<<16), sum: sha256.New(), key: key}

	return b, b.put(header{Format: Format, MadeAt: at.UTC().Truncate(time.Second)})
}

// Add writes the next entry: those of one tenant together, from number 1 on.
func (b *Writer) Add(tenant string, seq int64, entry, hash []byte) error {
	h := Head{Tenant: tenant, Seq: seq, Hash: hex.EncodeToString(hash)}
	if n := len(b.heads); n > 0 && b.heads[n-1].Tenant == tenant {
		b.heads[n-1] = h
	} else {
		b.heads = append(b.heads, h)
	}

	return b.put(line{Tenant: tenant, Seq: seq, Entry: entry, Hash: h.Hash})
}

// Close writes the heads and the signature. It returns the heads; the
// underlying writer stays open.
func (b *Writer) Close() ([]Head, error) {
	if b.heads == nil {
		b.heads = []Head{}
	}
	if err := b.put(heads{b.heads}); err != nil {
		return nil, err
	}
	digest := b.sum.Sum(nil)
	public, _ := b.key.Public().(ed25519.PublicKey)
	err := b.put(seal{
		Key: base64.StdEncoding.EncodeToString(public), SHA256: hex.EncodeToString(digest),
		Signature: base64.StdEncoding.EncodeToString(ed25519.Sign(b.key, append([]byte(signed), digest...))),
	})

	return b.heads, errors.Join(err, b.out.Flush())
}

func (b *Writer) put(v any) error {
	text, err := compliance.Canonical(v)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	b.sum.Write(text) // never fails
	_, err = b.out.Write(text)

	return err
}

// ParseKey reads a private key: the 32 bytes of an Ed25519 seed in base64.
// Errors never quote it.
func ParseKey(text string) (ed25519.PrivateKey, error) {
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, errors.New("the key that signs exports must be 32 bytes in base64; make one with: (umask 077; head -c 32 /dev/urandom | base64 > FILE)")
	}

	return ed25519.NewKeyFromSeed(seed), nil
}

// ParsePublicKey reads a public key in base64.
func ParsePublicKey(text string) (ed25519.PublicKey, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, errors.New("a public key is 32 bytes in base64, as trunkline audit export prints it")
	}

	return key, nil
}

// OpenKeyFile reads a private key from a file.
func OpenKeyFile(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the key that signs exports: %w", err)
	}
	key, err := ParseKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}

	return key, nil
}
