package rtp

import (
	"encoding/binary"
	"strings"
)

const (
	// eventSize is the payload of one telephone event (RFC 4733 section 2.3).
	eventSize = 4

	// maxDuration is the longest duration that one event segment can tell.
	maxDuration = 0xFFFF

	// keys are the DTMF events by code (RFC 4733 section 3.2).
	keys = "0123456789*#ABCD"
)

// event is the payload of a telephone event packet.
type event struct {
	code     uint8  // 0 to 15 for keys
	end      bool   // the event is over
	volume   uint8  // power below 0 dBm0, 0 to 63 dB
	duration uint16 // in samples, from the packet's timestamp on
}

// parseEvent reads the first event in payload; it reports false when there is
// no whole one.
func parseEvent(payload []byte) (event, bool) {
	if len(payload) < eventSize {
		return event{}, false
	}
	return event{
		code:     payload[0],
		end:      payload[1]&0x80 != 0,
		volume:   payload[1] & 0x3F,
		duration: binary.BigEndian.Uint16(payload[2:]),
	}, true
}

// put writes e into dst, which has room for eventSize octets.
func (e event) put(dst []byte) {
	dst[0] = e.code
	dst[1] = e.volume & 0x3F
	if e.end {
		dst[1] |= 0x80
	}
	binary.BigEndian.PutUint16(dst[2:], e.duration)
}

// isKey says whether e is about a telephone key.
func (e event) isKey() bool { return int(e.code) < len(keys) }

// keyCode is the event code of a key.
func keyCode(key byte) (uint8, bool) {
	code := strings.IndexByte(keys, key)
	return uint8(code), code >= 0
}
