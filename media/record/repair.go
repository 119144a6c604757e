package record

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// RepairHeader makes the sizes in the header of a recording right, after a
// crash left it unfinished. It changes nothing when they are right, and
// refuses files that a Recorder did not write.
func RepairHeader(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("record: repair: %w", err)
	}
	if err := errors.Join(repair(file), file.Close()); err != nil {
		return fmt.Errorf("record: repair %s: %w", path, err)
	}
	return nil
}

func repair(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("size: %w", err)
	}
	var have [headerBytes]byte
	if _, err := io.ReadFull(io.NewSectionReader(file, 0, headerBytes), have[:]); err != nil {
		return fmt.Errorf("%d bytes are too short for a recording: %w", info.Size(), err)
	}
	length := min(info.Size()-headerBytes, maxBytes)
	length -= length % blockBytes
	want := pcmHeader(recordedRate, channels, uint32(length))
	if !sameButSizes(have, want) {
		return errors.New("not a recording of trunkline: its header is another program's; nothing was changed")
	}
	if err := file.Truncate(headerBytes + length); err != nil {
		return fmt.Errorf("drop the last, incomplete sample: %w", err)
	}
	if _, err := file.WriteAt(want[:], 0); err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	return nil
}

// sameButSizes compares two headers except for the sizes of RIFF and data.
func sameButSizes(a, b [headerBytes]byte) bool {
	for _, h := range []*[headerBytes]byte{&a, &b} {
		clear(h[4:8])
		clear(h[40:44])
	}
	return a == b
}
