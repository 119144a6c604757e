package record

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	headerBytes = 44        // RIFF, fmt and the data chunk's head
	maxAudio    = 512 << 20 // bytes of audio that DecodeWAV accepts: 9 hours of 8 kHz stereo
	maxChannels = 8
	maxRate     = 192000
	unknownSize = 0xFFFFFFFF // written by programs that stream a WAV file
)

// Formats of the fmt chunk (RFC 2361).
const (
	formatPCM        = 0x0001
	formatALaw       = 0x0006
	formatMuLaw      = 0x0007
	formatExtensible = 0xFFFE
)

// Audio is the content of a WAV file as linear 16-bit samples.
type Audio struct {
	Rate     int // samples per second of each channel
	Channels int
	Samples  [][]int16 // one slice per channel, all of the same length
}

// ReadWAV reads the WAV file at path; see DecodeWAV.
func ReadWAV(path string) (*Audio, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("record: read WAV: %w", err)
	}
	a, err := DecodeWAV(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

// DecodeWAV reads a WAV file of linear 16-bit, A-law or µ-law samples, at any
// rate, with one to eight channels. Other chunks are skipped. A data chunk of
// unknown size, as streaming programs write it, reaches to the end. The error
// says what is wrong and how to convert the file.
func DecodeWAV(r io.Reader) (*Audio, error) {
	a, err := decode(bufio.NewReader(r))
	if err != nil {
		return nil, fmt.Errorf("record: read WAV: %w", err)
	}
	return a, nil
}

// WriteWAV writes a to a linear 16-bit WAV file at path, replacing what is
// there.
func WriteWAV(path string, a *Audio) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("record: write WAV: %w", err)
	}
	return errors.Join(EncodeWAV(file, a), file.Close())
}

// EncodeWAV writes a as a linear 16-bit WAV file.
func EncodeWAV(w io.Writer, a *Audio) error {
	if a.Channels < 1 || a.Channels > maxChannels || len(a.Samples) != a.Channels {
		return fmt.Errorf("record: write WAV: %d channels with samples for %d: want the same, 1 to %d", a.Channels, len(a.Samples), maxChannels)
	}
	if a.Rate < 1 || a.Rate > maxRate {
		return fmt.Errorf("record: write WAV: %d samples per second: want 1 to %d", a.Rate, maxRate)
	}
	n := len(a.Samples[0])
	for _, c := range a.Samples {
		if len(c) != n {
			return fmt.Errorf("record: write WAV: channels of %d and %d samples: want the same", n, len(c))
		}
	}
	size := n * a.Channels * 2
	if size > unknownSize-headerBytes {
		return fmt.Errorf("record: write WAV: %w", ErrTooLong)
	}
	header := pcmHeader(uint32(a.Rate), uint16(a.Channels), uint32(size))
	out := append(make([]byte, 0, headerBytes+size), header[:]...)
	for i := range n {
		for _, c := range a.Samples {
			out = binary.LittleEndian.AppendUint16(out, uint16(c[i]))
		}
	}
	if _, err := w.Write(out); err != nil {
		return fmt.Errorf("record: write WAV: %w", err)
	}
	return nil
}

// pcmHeader is the header of a linear 16-bit WAV file with size bytes of audio.
func pcmHeader(rate uint32, channels uint16, size uint32) (h [headerBytes]byte) {
	le := binary.LittleEndian
	copy(h[0:], "RIFF")
	le.PutUint32(h[4:], size+headerBytes-8)
	copy(h[8:], "WAVEfmt ")
	le.PutUint32(h[16:], 16)
	le.PutUint16(h[20:], formatPCM)
	le.PutUint16(h[22:], channels)
	le.PutUint32(h[24:], rate)
	le.PutUint32(h[28:], rate*uint32(channels)*2)
	le.PutUint16(h[32:], channels*2)
	le.PutUint16(h[34:], 16)
	copy(h[36:], "data")
	le.PutUint32(h[40:], size)
	return h
}
