package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"trunkline/media/record/seal"
)

// KeyPath is where the key of a sealed recording stands: without that file
// nobody can read the recording.
func KeyPath(path string) string { return path + ".key" }

func create(path string, keys *seal.Keyring) (sink, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("record: create: %w", err)
	}
	s, err := newSink(file, keys)
	if err != nil {
		return nil, fmt.Errorf("record: create %s: %w", path, errors.Join(err, file.Close()))
	}
	return s, nil
}

func newSink(file *os.File, keys *seal.Keyring) (sink, error) {
	if keys == nil {
		s := &plainFile{file: file}
		return s, s.writeHeader()
	}
	key, err := keys.New()
	if err != nil {
		return nil, err
	}
	w, err := seal.NewWriter(file, key, flushFrames*frameBytes)
	return &sealedFile{file: file, key: key, to: w}, err
}

// syncDir waits until the names of the files beside path are on the disk.
func syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// plainFile is a WAV file whose header is right after every write.
type plainFile struct {
	file *os.File
	size uint32 // bytes of audio in the file
}

func (s *plainFile) begin() error { return nil }

func (s *plainFile) write(audio []byte) error {
	if len(audio) == 0 {
		return nil
	}
	if s.size > maxBytes-uint32(len(audio)) {
		return fmt.Errorf("record: write %s: %w", s.file.Name(), ErrTooLong)
	}
	if _, err := s.file.WriteAt(audio, headerBytes+int64(s.size)); err != nil {
		return fmt.Errorf("record: write: %w", err)
	}
	s.size += uint32(len(audio))
	return s.writeHeader()
}

func (s *plainFile) writeHeader() error {
	h := pcmHeader(recordedRate, channels, s.size)
	if _, err := s.file.WriteAt(h[:], 0); err != nil {
		return fmt.Errorf("record: write header: %w", err)
	}
	return nil
}

func (s *plainFile) finish(rest []byte) error {
	if err := s.write(rest); err != nil {
		return err
	}
	return closeFile(s.file)
}

func (s *plainFile) abandon() error {
	if errors.Is(s.file.Truncate(headerBytes+int64(s.size)), os.ErrClosed) {
		return nil
	}
	return closeFile(s.file)
}

// closeFile waits until file, and its name, are on the disk.
func closeFile(file *os.File) error {
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("record: close: %w", err)
	}
	return syncDir(file.Name())
}

// sealedFile holds the audio, without a WAV header, as chunks of a second.
type sealedFile struct {
	file *os.File
	key  *seal.Key
	to   *seal.Writer
}

// begin puts the key on the disk before the first second of audio.
func (s *sealedFile) begin() error {
	path := KeyPath(s.file.Name())
	if err := seal.Destroy(path); err != nil { // of a recording that this one replaces
		return err
	}
	if err := s.key.Save(path); err != nil {
		return err
	}
	return syncDir(path)
}

func (s *sealedFile) write(audio []byte) error {
	if s.to.Size() > maxBytes {
		return fmt.Errorf("record: write %s: %w", s.file.Name(), ErrTooLong)
	}
	return s.to.Write(audio)
}

func (s *sealedFile) finish(rest []byte) error {
	if err := s.to.End(rest); err != nil {
		return err
	}
	return closeFile(s.file)
}

func (s *sealedFile) abandon() error {
	if errors.Is(s.file.Truncate(s.to.Size()), os.ErrClosed) {
		return nil
	}
	return errors.Join(s.to.Cut(), closeFile(s.file))
}
