package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/zaf/g711"
)

// format is the content of a fmt chunk.
type format struct {
	code     uint16
	channels int
	rate     int
	bits     int
}

// decode walks the chunks up to the data chunk.
func decode(r io.Reader) (*Audio, error) {
	var head [12]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("header: %w", err)
	}
	if n == 0 {
		return nil, fmt.Errorf("not a WAV file: it is empty; %s", convert)
	}
	if n < len(head) || string(head[0:4]) != "RIFF" || string(head[8:12]) != "WAVE" {
		return nil, fmt.Errorf("not a WAV file: it begins with %q, not with RIFF and WAVE; %s", head[:n], convert)
	}
	var f *format
	for {
		id, size, err := chunk(r)
		if err != nil {
			return nil, err
		}
		switch id {
		case "fmt ":
			if f, err = readFormat(r, size); err != nil {
				return nil, err
			}
		case "data":
			if f == nil {
				return nil, errors.New("the data chunk comes before the fmt chunk: the file is damaged")
			}
			return readData(r, f, size)
		default:
			if err := skip(r, id, padded(size)); err != nil {
				return nil, err
			}
		}
	}
}

const convert = "convert it, for example: sox IN -r 8000 -c 1 -b 16 OUT.wav"

// chunk reads a chunk's head.
func chunk(r io.Reader) (id string, size uint32, err error) {
	var head [8]byte
	switch _, err := io.ReadFull(r, head[:]); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "", 0, errors.New("the file ends before its data chunk: it holds no audio or is cut short")
	case err != nil:
		return "", 0, fmt.Errorf("chunk: %w", err)
	}
	return string(head[:4]), binary.LittleEndian.Uint32(head[4:]), nil
}

// padded is the space that a chunk's content takes: chunks begin at even places.
func padded(size uint32) int64 { return int64(size) + int64(size&1) }

func skip(r io.Reader, id string, n int64) error {
	if _, err := io.CopyN(io.Discard, r, n); err != nil {
		return fmt.Errorf("the file ends within its %q chunk, which should have %d bytes: it is cut short", id, n)
	}
	return nil
}

func readFormat(r io.Reader, size uint32) (*format, error) {
	const plain, extensible = 16, 40
	if size < plain || size > 1024 {
		return nil, fmt.Errorf("the fmt chunk has %d bytes, want %d to %d: the file is damaged", size, plain, extensible)
	}
	b := make([]byte, padded(size))
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, errors.New("the file ends within its fmt chunk: it is cut short")
	}
	le := binary.LittleEndian
	f := &format{
		code:     le.Uint16(b[0:]),
		channels: int(le.Uint16(b[2:])),
		rate:     int(le.Uint32(b[4:])),
		bits:     int(le.Uint16(b[14:])),
	}
	if f.code == formatExtensible && size >= extensible {
		f.code = le.Uint16(b[24:]) // the sub-format's first two bytes
	}
	return f, f.check()
}

// check says why the format cannot be read, if so.
func (f *format) check() error {
	switch {
	case f.code == formatPCM && f.bits != 16:
		return fmt.Errorf("linear samples of %d bits, want 16; %s", f.bits, convert)
	case (f.code == formatALaw || f.code == formatMuLaw) && f.bits != 8:
		return fmt.Errorf("G.711 samples of %d bits, want 8: the file is damaged", f.bits)
	case f.code != formatPCM && f.code != formatALaw && f.code != formatMuLaw:
		return fmt.Errorf("encoding %#04x (%s), want linear 16-bit, A-law or µ-law; %s", f.code, encodingName(f.code), convert)
	case f.channels < 1 || f.channels > maxChannels:
		return fmt.Errorf("%d channels, want 1 to %d; %s", f.channels, maxChannels, convert)
	case f.rate < 1 || f.rate > maxRate:
		return fmt.Errorf("%d samples per second, want 1 to %d: the file is damaged", f.rate, maxRate)
	}
	return nil
}

// encodingName is the common name of a format code (RFC 2361).
func encodingName(code uint16) string {
	switch code {
	case 0x0002:
		return "Microsoft ADPCM"
	case 0x0003:
		return "floating point"
	case 0x0011:
		return "IMA ADPCM"
	case 0x0031:
		return "GSM 06.10"
	case 0x0055:
		return "MP3"
	default:
		return "unknown"
	}
}

// readData reads the samples. What is left of an incomplete last sample is
// dropped.
func readData(r io.Reader, f *format, size uint32) (*Audio, error) {
	limit := int64(size)
	if size == unknownSize {
		limit = maxAudio + 1
	}
	if size != unknownSize && limit > maxAudio {
		return nil, fmt.Errorf("%d bytes of audio, want at most %d; cut the file", limit, maxAudio)
	}
	b, err := io.ReadAll(io.LimitReader(r, limit))
	switch {
	case err != nil:
		return nil, fmt.Errorf("samples: %w", err)
	case len(b) > maxAudio:
		return nil, fmt.Errorf("more than %d bytes of audio; cut the file", maxAudio)
	case size != unknownSize && len(b) < int(size):
		return nil, fmt.Errorf("the file ends after %d of %d bytes of audio: it is cut short; copy it again", len(b), size)
	}
	a := &Audio{Rate: f.rate, Channels: f.channels, Samples: make([][]int16, f.channels)}
	blocks := len(b) / (f.channels * f.bits / 8)
	for c := range a.Samples {
		a.Samples[c] = make([]int16, blocks)
	}
	for i := range blocks * f.channels {
		a.Samples[i%f.channels][i/f.channels] = f.sample(b, i)
	}
	return a, nil
}

// sample decodes sample i of the interleaved data b.
func (f *format) sample(b []byte, i int) int16 {
	switch f.code {
	case formatALaw:
		return g711.DecodeAlawFrame(b[i])
	case formatMuLaw:
		return g711.DecodeUlawFrame(b[i])
	default:
		return int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
}
