package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"trunkline/media"
	"trunkline/media/record/seal"
)

var errNeedsKey = fmt.Errorf("%w: none is configured", seal.ErrNoKey)

// Content is a recording as a WAV file, however it is stored. It is not safe
// for concurrent use.
type Content struct {
	file    *os.File
	from    io.ReaderAt
	size    int64
	changed time.Time
	end     error
	keyID   string
}

// Open opens the recording of the given name in dir, and nothing outside of
// dir. A sealed one needs its key file beside it, wrapped by one of keys: the
// error is seal.ErrNoKey when that is missing, and an error of fs.ErrNotExist
// when a file is.
func Open(dir, name string, keys *seal.Keyring) (*Content, error) {
	file, err := os.OpenInRoot(dir, name)
	if err != nil {
		return nil, fmt.Errorf("record: open: %w", err)
	}
	c, err := newContent(file, dir, name, keys)
	if err != nil {
		return nil, fmt.Errorf("record: open %s: %w", name, errors.Join(err, file.Close()))
	}
	return c, nil
}

func newContent(file *os.File, dir, name string, keys *seal.Keyring) (*Content, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no file")
	}
	c := &Content{file: file, from: file, size: info.Size(), changed: info.ModTime()}
	head := make([]byte, headerBytes)
	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !seal.Sealed(head[:n]) {
		return c, nil
	}
	return c, c.unseal(dir, name, keys)
}

// unseal puts a WAV header before the audio of a sealed file.
func (c *Content) unseal(dir, name string, keys *seal.Keyring) error {
	if keys == nil {
		return errNeedsKey
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	keyFile, err := root.ReadFile(KeyPath(name))
	if err := errors.Join(err, root.Close()); err != nil {
		return fmt.Errorf("its key: %w", err)
	}
	key, err := keys.Open(keyFile)
	if err != nil {
		return err
	}
	r, err := seal.NewReader(c.file, c.size, key)
	if err != nil {
		return err
	}
	c.end, c.keyID = r.Complete(), key.KeyID
	header := pcmHeader(recordedRate, channels, uint32(min(r.Size(), maxBytes)))
	c.from, c.size = behind{header, r}, headerBytes+r.Size()
	return nil
}

// ReadAt implements io.ReaderAt.
func (c *Content) ReadAt(p []byte, off int64) (int, error) { return c.from.ReadAt(p, off) }

// Size is how many bytes the WAV file has.
func (c *Content) Size() int64 { return c.size }

// Reader reads the WAV file from its beginning.
func (c *Content) Reader() *io.SectionReader { return io.NewSectionReader(c, 0, c.size) }

// Changed is when the recording was written to last.
func (c *Content) Changed() time.Time { return c.changed }

// KeyID names the key that the recording's own is wrapped by; it is empty for
// a plain one.
func (c *Content) KeyID() string { return c.keyID }

// Complete is nil when nothing is known to be missing at the end, and
// otherwise wraps seal.ErrCut.
func (c *Content) Complete() error { return c.end }

// Close closes the file.
func (c *Content) Close() error { return c.file.Close() }

// behind is a header and what follows it.
type behind struct {
	header [headerBytes]byte
	rest   io.ReaderAt
}

func (b behind) ReadAt(p []byte, off int64) (n int, err error) {
	if off < headerBytes {
		n, err = bytes.NewReader(b.header[:]).ReadAt(p, off)
		if n == len(p) || err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
	}
	m, err := b.rest.ReadAt(p[n:], off+int64(n)-headerBytes)
	return n + m, err
}

func samplesIn(bytes int64) media.Samples { return media.Samples(bytes / blockBytes) }
