package seal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The head of a sealed file: magic, size of a chunk, and what the file and
// its key have in common.
const (
	magic     = "TLSEAL\x00\x01" // the last byte is the format's version
	headBytes = len(magic) + 4 + idBytes
	maxChunk  = 1 << 20
)

// What a chunk is, as its nonce says. Only a file that ends with a last or a
// cut chunk is complete as it was written.
const (
	more byte = iota // a whole chunk, others follow
	last             // the end, shorter than a whole chunk
	cut              // the end, empty: set by a Repair after a crash, or after a full disk
)

// Errors of a Reader and of Repair.
var (
	ErrNotSealed = errors.New("not a sealed file")
	ErrCut       = errors.New("the end of the sealed file is missing: its writer crashed, or it was cut short")
	ErrDamaged   = errors.New("the sealed file was changed or is damaged")
)

// Sealed reports whether a file that begins with these bytes is sealed.
func Sealed(head []byte) bool { return len(head) >= len(magic) && string(head[:len(magic)]) == magic }

type header [headBytes]byte

func newHeader(chunk int, key *Key) (h header) {
	copy(h[:], magic)
	binary.BigEndian.PutUint32(h[len(magic):], uint32(chunk))
	copy(h[len(magic)+4:], key.file[:])
	return h
}

// nonce is the place of a chunk and what it is. A key seals one file, so the
// place makes it unique.
func nonce(n int64, kind byte) []byte {
	var b [nonceBytes]byte
	binary.BigEndian.PutUint64(b[3:], uint64(n))
	b[nonceBytes-1] = kind
	return b[:]
}

// Writer seals a file. Each chunk is written once and never again, so that
// no nonce is used for two contents.
type Writer struct {
	to     io.WriterAt
	key    *Key
	head   header
	chunk  int
	n      int64 // chunks written
	ended  bool
	sealed []byte
}

// NewWriter begins a sealed file at the start of to, with chunks of so many
// bytes. key must not have been used before.
func NewWriter(to io.WriterAt, key *Key, chunk int) (*Writer, error) {
	if chunk < 1 || chunk > maxChunk {
		return nil, fmt.Errorf("seal: chunks of %d bytes: want 1 to %d", chunk, maxChunk)
	}
	w := &Writer{to: to, key: key, head: newHeader(chunk, key), chunk: chunk, sealed: make([]byte, 0, chunk+tagBytes)}
	if _, err := to.WriteAt(w.head[:], 0); err != nil {
		return nil, fmt.Errorf("seal: write head: %w", err)
	}
	return w, nil
}

// Write seals the next chunk: one of full size.
func (w *Writer) Write(chunk []byte) error {
	if len(chunk) != w.chunk {
		return fmt.Errorf("seal: a chunk of %d bytes: want %d", len(chunk), w.chunk)
	}
	return w.put(chunk, more)
}

// End seals the rest, less than a chunk, as the end of the file.
func (w *Writer) End(rest []byte) error {
	if len(rest) >= w.chunk {
		return fmt.Errorf("seal: a last chunk of %d bytes: want less than %d", len(rest), w.chunk)
	}
	return w.put(rest, last)
}

// Cut ends the file where its last whole chunk does, and says in it that
// something is missing there.
func (w *Writer) Cut() error { return w.put(nil, cut) }

func (w *Writer) put(plain []byte, kind byte) error {
	if w.ended {
		return errors.New("seal: the file has ended")
	}
	w.sealed = w.key.aead.Seal(w.sealed[:0], nonce(w.n, kind), plain, w.head[:])
	if _, err := w.to.WriteAt(w.sealed, w.Size()); err != nil {
		return fmt.Errorf("seal: write: %w", err)
	}
	if kind == more {
		w.n++
	} else {
		w.ended = true
	}
	return nil
}

// Size is where the last whole chunk ends in the file, in bytes.
func (w *Writer) Size() int64 { return int64(headBytes) + w.n*int64(w.chunk+tagBytes) }

// Reader reads a sealed file anywhere. It is not safe for concurrent use.
type Reader struct {
	from  io.ReaderAt
	key   *Key
	head  header
	chunk int
	whole int64 // chunks of full size
	tail  []byte
	end   error // of the content: nil or ErrCut

	at     int64 // the chunk in plain; -1: none
	plain  []byte
	sealed []byte
}

// NewReader opens a sealed file of size bytes. A file whose end is missing is
// opened too: see Complete. The error is ErrNotSealed for other files and
// ErrDamaged for one that is not key's.
func NewReader(from io.ReaderAt, size int64, key *Key) (*Reader, error) {
	r := &Reader{from: from, key: key, at: -1}
	if _, err := io.ReadFull(io.NewSectionReader(from, 0, size), r.head[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("seal: %w: %d bytes are too short", ErrNotSealed, size)
		}
		return nil, fmt.Errorf("seal: read head: %w", err)
	}
	if !Sealed(r.head[:]) {
		return nil, fmt.Errorf("seal: %w", ErrNotSealed)
	}
	chunk := binary.BigEndian.Uint32(r.head[len(magic):])
	if chunk < 1 || chunk > maxChunk || r.head != newHeader(int(chunk), key) {
		return nil, fmt.Errorf("seal: %w: its head and its key file are not of one recording", ErrDamaged)
	}
	r.chunk = int(chunk)
	stride := int64(r.chunk + tagBytes)
	rest := size - int64(headBytes)
	r.whole = rest / stride
	r.sealed = make([]byte, stride)
	if err := r.readTail(int(rest % stride)); err != nil {
		return nil, err
	}
	return r, nil
}

// readTail looks how the file ends: with n bytes behind the whole chunks.
func (r *Reader) readTail(n int) error {
	r.end = ErrCut
	if n < tagBytes {
		return nil
	}
	b := r.sealed[:n]
	if _, err := r.from.ReadAt(b, r.offset(r.whole)); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("seal: read: %w", err)
	}
	if plain, err := r.key.aead.Open(nil, nonce(r.whole, last), b, r.head[:]); err == nil {
		r.tail, r.end = plain, nil
	} else if n == tagBytes {
		_, err := r.key.aead.Open(nil, nonce(r.whole, cut), b, r.head[:])
		if err == nil {
			r.end = errRepaired
		}
	}
	return nil
}

var errRepaired = fmt.Errorf("%w; the file was closed there", ErrCut)

func (r *Reader) offset(n int64) int64 { return int64(headBytes) + n*int64(r.chunk+tagBytes) }

// Size is how many bytes of content can be read.
func (r *Reader) Size() int64 { return r.whole*int64(r.chunk) + int64(len(r.tail)) }

// Complete is nil when the content ends where its writer ended it, and
// otherwise wraps ErrCut. It says nothing of the chunks before the last.
func (r *Reader) Complete() error { return r.end }

// ReadAt implements io.ReaderAt. The error wraps ErrDamaged when a chunk is
// not what was written there.
func (r *Reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("seal: negative offset")
	}
	for n < len(p) {
		at := off + int64(n)
		if at >= r.Size() {
			return n, io.EOF
		}
		plain, err := r.content(at / int64(r.chunk))
		if err != nil {
			return n, err
		}
		n += copy(p[n:], plain[at%int64(r.chunk):])
	}
	return n, nil
}

// content opens chunk n.
func (r *Reader) content(n int64) ([]byte, error) {
	if n == r.whole {
		return r.tail, nil
	}
	if n == r.at {
		return r.plain, nil
	}
	r.at = -1
	if _, err := r.from.ReadAt(r.sealed, r.offset(n)); err != nil {
		return nil, fmt.Errorf("seal: read: %w", err)
	}
	plain, err := r.key.aead.Open(r.plain[:0], nonce(n, more), r.sealed, r.head[:])
	if err != nil {
		return nil, fmt.Errorf("seal: %w in chunk %d", ErrDamaged, n)
	}
	r.at, r.plain = n, plain
	return plain, nil
}

// File is a sealed file that can be repaired; *os.File is one.
type File interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
}

// Repair closes a file of size bytes whose end is missing: it drops what
// follows the last whole and sound chunk, and marks the end as a cut. It
// returns how many bytes it dropped, and changes nothing when the end is
// there. Damage before the last sound chunk is no crash's doing and stays.
func Repair(f File, size int64, key *Key) (dropped int64, err error) {
	r, err := NewReader(f, size, key)
	if err != nil {
		return 0, err
	}
	if r.end == nil || errors.Is(r.end, errRepaired) {
		return 0, nil
	}
	good := r.whole
	for ; good > 0; good-- {
		_, err := r.content(good - 1)
		if err == nil {
			break
		}
		if !errors.Is(err, ErrDamaged) {
			return 0, err
		}
	}
	w := &Writer{to: f, key: key, head: r.head, chunk: r.chunk, n: good}
	if err := f.Truncate(w.Size()); err != nil {
		return 0, fmt.Errorf("seal: repair: %w", err)
	}
	return size - w.Size(), w.Cut()
}
