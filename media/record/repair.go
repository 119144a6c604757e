package record

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"trunkline/media/record/seal"
)

// Repaired says what a Repair found.
type Repaired struct {
	Length  time.Duration // of the recording as it now stands
	Dropped int64         // bytes of an incomplete end
	Cut     bool          // the recording ends before its call did
}

// Repair closes the recording at path after a crash left it unfinished: the
// sizes in a WAV header are made right, and a sealed file, which needs its
// key, gets an end. What a crash left incomplete is dropped: of a sealed file
// up to the last second. It changes nothing of a finished recording, and
// refuses files that no Recorder wrote.
//
// It also finishes what a crash left of an Erase.
func Repair(path string, keys *seal.Keyring) (Repaired, error) {
	if err := resume(path); err != nil {
		return Repaired{}, fmt.Errorf("record: repair %s: %w", path, err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return Repaired{}, fmt.Errorf("record: repair: %w", err)
	}
	found, err := repair(file, keys)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return Repaired{}, fmt.Errorf("record: repair %s: %w", path, err)
	}
	return found, nil
}

func repair(file *os.File, keys *seal.Keyring) (Repaired, error) {
	info, err := file.Stat()
	if err != nil {
		return Repaired{}, fmt.Errorf("size: %w", err)
	}
	var have [headerBytes]byte
	n, err := io.ReadFull(io.NewSectionReader(file, 0, headerBytes), have[:])
	if seal.Sealed(have[:n]) {
		return repairSealed(file, info.Size(), keys)
	}
	if err != nil {
		return Repaired{}, fmt.Errorf("%d bytes are too short for a recording: %w", info.Size(), err)
	}
	whole := info.Size() - headerBytes
	length := min(whole, maxBytes)
	length -= length % blockBytes
	want := pcmHeader(recordedRate, channels, uint32(length))
	if !sameButSizes(have, want) {
		return Repaired{}, errors.New("not a recording of trunkline: its header is another program's; nothing was changed")
	}
	found := Repaired{Length: durationOf(length), Dropped: whole - length, Cut: have != want || whole != length}
	if !found.Cut {
		return found, nil
	}
	if err := file.Truncate(headerBytes + length); err != nil {
		return Repaired{}, fmt.Errorf("drop the last, incomplete sample: %w", err)
	}
	if _, err := file.WriteAt(want[:], 0); err != nil {
		return Repaired{}, fmt.Errorf("write header: %w", err)
	}
	return found, nil
}

func repairSealed(file *os.File, size int64, keys *seal.Keyring) (Repaired, error) {
	if keys == nil {
		return Repaired{}, errNeedsKey
	}
	key, err := keys.Load(KeyPath(file.Name()))
	if err != nil {
		return Repaired{}, err
	}
	dropped, err := seal.Repair(file, size, key)
	if err != nil {
		return Repaired{}, err
	}
	info, err := file.Stat()
	if err != nil {
		return Repaired{}, fmt.Errorf("size: %w", err)
	}
	r, err := seal.NewReader(file, info.Size(), key)
	if err != nil {
		return Repaired{}, err
	}
	return Repaired{Length: durationOf(r.Size()), Dropped: dropped, Cut: r.Complete() != nil}, nil
}

// sameButSizes compares two headers except for the sizes of RIFF and data.
func sameButSizes(a, b [headerBytes]byte) bool {
	for _, h := range []*[headerBytes]byte{&a, &b} {
		clear(h[4:8])
		clear(h[40:44])
	}
	return a == b
}

func durationOf(bytes int64) time.Duration { return samplesIn(bytes).Duration() }
