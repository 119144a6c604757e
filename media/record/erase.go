package record

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"trunkline/media"
	"trunkline/media/record/seal"
)

// Stretch is a part of a recording, from its beginning.
type Stretch struct {
	From media.Samples `json:"from"`
	To   media.Samples `json:"to"` // not in it
}

// Erase writes silence over stretches of the finished recording at path, on
// both channels, so that nobody reads again what was there. Stretches may
// overlap and reach beyond the recording's ends. It may be done again, also
// after a crash in the middle of it; Repair comes first then.
//
// A plain file is overwritten in its place. A sealed one is sealed anew under
// another key, since no key seals two contents of one chunk, and the old key is
// destroyed: older copies of the file cannot be read either.
func Erase(path string, keys *seal.Keyring, stretches []Stretch) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("record: erase: %w", err)
	}
	err = erase(file, keys, stretches)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("record: erase %s: %w", path, err)
	}

	return nil
}

func erase(file *os.File, keys *seal.Keyring, stretches []Stretch) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	var head [headerBytes]byte
	n, err := io.ReadFull(io.NewSectionReader(file, 0, headerBytes), head[:])
	if seal.Sealed(head[:n]) {
		return sealAnew(file, info.Size(), keys, stretches)
	}
	if err != nil {
		return fmt.Errorf("%d bytes are too short for a recording: %w", info.Size(), err)
	}
	for _, s := range stretches {
		from, to := s.within(info.Size() - headerBytes)
		if _, err := io.CopyN(io.NewOffsetWriter(file, headerBytes+from), zeros{}, to-from); err != nil {
			return err
		}
	}

	return nil
}

// Together is how much of a recording some stretches cover.
func Together(stretches []Stretch, of media.Samples) (covered media.Samples) {
	all := slices.SortedFunc(slices.Values(stretches), func(a, b Stretch) int { return cmp.Compare(a.From, b.From) })
	at := media.Samples(0)
	for _, s := range all {
		from, to := max(s.From, at), min(s.To, of)
		if from < to {
			covered, at = covered+to-from, to
		}
	}

	return covered
}

// Destroy destroys a finished recording: its key first, and then the file. It is
// no error when there is none.
func Destroy(path string) error {
	return errors.Join(seal.Destroy(KeyPath(path)), discard(anew(path)), discard(path))
}

// within is where the stretch is in so many bytes of audio.
func (s Stretch) within(size int64) (from, to int64) {
	from = min(max(int64(s.From)*blockBytes, 0), size)

	return from, min(max(int64(s.To)*blockBytes, from), size)
}

// zeros reads as silence without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)

	return len(p), nil
}

// anew is where a recording stands while it is sealed anew.
func anew(path string) string { return path + ".anew" }

// sealAnew writes the audio beside the file under another key, and puts it in
// the file's place.
func sealAnew(file *os.File, size int64, keys *seal.Keyring, stretches []Stretch) error {
	if keys == nil {
		return errNeedsKey
	}
	key, err := keys.Load(KeyPath(file.Name()))
	if err != nil {
		return err
	}
	from, err := seal.NewReader(file, size, key)
	if err != nil {
		return err
	}
	if err := discard(anew(file.Name())); err != nil {
		return err
	}
	s, err := create(anew(file.Name()), keys)
	if err != nil {
		return err
	}
	if err := errors.Join(s.begin(), copySilenced(s, from, stretches)); err != nil {
		return errors.Join(err, s.abandon())
	}
	if err := seal.Destroy(KeyPath(file.Name())); err != nil {
		return err
	}

	return resume(file.Name())
}

// copySilenced copies the audio but for the stretches, and ends as it ends.
func copySilenced(to sink, from *seal.Reader, stretches []Stretch) error {
	buf := make([]byte, flushFrames*frameBytes)
	for at := int64(0); ; at += int64(len(buf)) {
		n, err := from.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		chunk := buf[:n]
		for _, s := range stretches {
			first, last := s.within(from.Size())
			first, last = max(first-at, 0), min(last-at, int64(n))
			if first < last {
				clear(chunk[first:last])
			}
		}
		switch {
		case n == len(buf):
			if err := to.write(chunk); err != nil {
				return err
			}
		case from.Complete() != nil:
			return to.abandon()
		default:
			return to.finish(chunk)
		}
	}
}

// discard removes what is left of a recording that nobody has use for.
func discard(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}

	return errors.Join(err, seal.Destroy(KeyPath(path)))
}

// resume puts a recording that was sealed anew in the place of the old one,
// whose key is destroyed. Where there is none, or the old key is there still, it
// changes nothing.
func resume(path string) error {
	if _, err := os.Stat(KeyPath(path)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(KeyPath(anew(path))); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}

		return err
	}
	// The audio first: a key without its audio tells where this was cut off.
	if err := os.Rename(anew(path), path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(KeyPath(anew(path)), KeyPath(path)); err != nil {
		return err
	}

	return syncDir(path)
}
