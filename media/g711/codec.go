package g711

import (
	"strings"

	"github.com/zaf/g711"
)

// Codec is one of the two laws of G.711. Its zero value is PCMU.
type Codec uint8

// The codecs, by their names in SDP (RFC 3551 section 4.5.14).
const (
	PCMU Codec = iota // µ-law
	PCMA              // A-law
)

// ByName finds the codec with an SDP encoding name; letter case does not
// matter (RFC 4855 section 3).
func ByName(name string) (Codec, bool) {
	switch {
	case strings.EqualFold(name, "PCMU"):
		return PCMU, true
	case strings.EqualFold(name, "PCMA"):
		return PCMA, true
	default:
		return 0, false
	}
}

// String is the codec's encoding name in SDP.
func (c Codec) String() string {
	if c == PCMA {
		return "PCMA"
	}
	return "PCMU"
}

// PayloadType is the codec's static RTP payload type (RFC 3551 section 6).
func (c Codec) PayloadType() uint8 {
	if c == PCMA {
		return 8
	}
	return 0
}

// Encode writes the octets of the samples in src to dst and returns how many
// it wrote: the length of the shorter of the two.
func (c Codec) Encode(dst []byte, src []int16) int {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	table := &encoded[PCMU]
	if c == PCMA {
		table = &encoded[PCMA]
	}
	for i, s := range src {
		dst[i] = table[uint16(s)>>unheard]
	}
	return n
}

// unheard is how many of a sample's low bits neither law hears.
const unheard = 2

// encoded are the octets of all samples.
var encoded = func() (tables [PCMA + 1][1 << (16 - unheard)]byte) {
	for i := range tables[PCMU] {
		s := int16(i << unheard)
		tables[PCMU][i], tables[PCMA][i] = g711.EncodeUlawFrame(s), g711.EncodeAlawFrame(s)
	}
	return tables
}()

// Decode writes the samples of the octets in src to dst and returns how many
// it wrote: the length of the shorter of the two.
func (c Codec) Decode(dst []int16, src []byte) int {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	if c == PCMA {
		for i, b := range src {
			dst[i] = g711.DecodeAlawFrame(b)
		}
		return n
	}
	for i, b := range src {
		dst[i] = g711.DecodeUlawFrame(b)
	}
	return n
}
