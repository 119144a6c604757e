package dialect

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"trunkline/media"
	"trunkline/media/g711"
)

// Encoding is how samples are written.
type Encoding uint8

// The encodings.
const (
	PCMU      Encoding = iota + 1 // ITU-T G.711 µ-law, an octet per sample
	PCMA                          // ITU-T G.711 A-law
	L16                           // linear, 16 bits, big-endian (RFC 3551 section 4.5.11)
	L16Little                     // linear, 16 bits, little-endian
)

// Format is the audio of one stream, one channel.
type Format struct {
	Encoding Encoding
	Rate     int // samples per second: 8000, 16000 or 24000
}

// String is the format's name, such as "PCMU" or "L16/16000".
func (f Format) String() string {
	switch f.Encoding {
	case PCMU:
		return "PCMU"
	case PCMA:
		return "PCMA"
	case L16, L16Little:
		return fmt.Sprintf("L16/%d", f.Rate)
	default:
		return "unknown"
	}
}

// octets is how long a sample is.
func (f Format) octets() int {
	if f.Encoding == L16 || f.Encoding == L16Little {
		return 2
	}

	return 1
}

// Size is how many octets d of audio have that lasts so many frames.
func (f Format) Size(frames int) int {
	return frames * f.Rate / media.SampleRate * media.FrameSamples * f.octets()
}

// Decode appends the samples of payload to dst, at the format's rate. Half a
// sample at the end is left out.
func (f Format) Decode(dst []int16, payload []byte) []int16 {
	switch f.Encoding {
	case PCMU, PCMA:
		n := len(dst)
		dst = slices.Grow(dst, len(payload))[:n+len(payload)]
		f.law().Decode(dst[n:], payload)
	case L16:
		for i := 0; i+1 < len(payload); i += 2 {
			dst = append(dst, int16(binary.BigEndian.Uint16(payload[i:])))
		}
	case L16Little:
		for i := 0; i+1 < len(payload); i += 2 {
			dst = append(dst, int16(binary.LittleEndian.Uint16(payload[i:])))
		}
	}

	return dst
}

// Encode appends samples at the format's rate to dst.
func (f Format) Encode(dst []byte, samples []int16) []byte {
	switch f.Encoding {
	case PCMU, PCMA:
		n := len(dst)
		dst = slices.Grow(dst, len(samples))[:n+len(samples)]
		f.law().Encode(dst[n:], samples)
	case L16:
		for _, s := range samples {
			dst = binary.BigEndian.AppendUint16(dst, uint16(s))
		}
	case L16Little:
		for _, s := range samples {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(s))
		}
	}

	return dst
}

func (f Format) law() g711.Codec {
	if f.Encoding == PCMA {
		return g711.PCMA
	}

	return g711.PCMU
}

// linear is the encoding that a carrier's L16 is.
type linear = Encoding

// formatOf reads a carrier's name of an encoding. Names come as in MIME types,
// in SDP, or as carriers made them up.
func formatOf(name string, rate int, l16 linear) (Format, bool) {
	name, parameters, _ := strings.Cut(strings.ToLower(strings.TrimSpace(name)), ";")
	if given, ok := strings.CutPrefix(strings.TrimSpace(parameters), "rate="); ok {
		if _, err := fmt.Sscanf(given, "%d", &rate); err != nil {
			return Format{}, false
		}
	}
	f := Format{Rate: rate}
	if f.Rate == 0 {
		f.Rate = media.SampleRate
	}
	switch strings.TrimPrefix(strings.TrimPrefix(name, "audio/"), "x-") {
	case "mulaw", "pcmu", "ulaw":
		f.Encoding = PCMU
	case "alaw", "pcma":
		f.Encoding = PCMA
	case "l16", "raw", "slin", "base64", "pcm16", "pcm":
		f.Encoding = l16
	default:
		return f, false
	}
	law := f.Encoding == PCMU || f.Encoding == PCMA
	switch f.Rate {
	case media.SampleRate:
		return f, true
	case 16000, 24000:
		return f, !law
	default:
		return f, false
	}
}
