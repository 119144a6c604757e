package framing

import "encoding/binary"

// Codes of a close frame (section 7.4.1).
const (
	CloseNormal    = 1000
	CloseGoingAway = 1001
	CloseProtocol  = 1002
	CloseNoCode    = 1005 // it had none; never sent
	ClosePolicy    = 1008
	CloseTooLong   = 1009
	CloseTryLater  = 1013
)

const (
	longestControl = 125 // octets of a control frame's payload
	short          = 125 // octets whose number fits in the second octet
	medium         = 1<<16 - 1
)

// Append appends a whole message, or a control frame, of what payload appends.
// It allocates nothing where dst has room.
func Append(dst []byte, kind Kind, payload func(dst []byte) []byte) []byte {
	const room = 4 // of the header that a message of ours has, as a rule
	start := len(dst)
	dst = payload(append(dst, make([]byte, room)...))
	size := len(dst) - start - room
	switch {
	case size <= short:
		dst = append(dst[:start+2], dst[start+room:]...)
		dst[start+1] = byte(size)
	case size <= medium:
		dst[start+1] = 126
		binary.BigEndian.PutUint16(dst[start+2:], uint16(size))
	default:
		dst = append(dst, make([]byte, 6)...)
		copy(dst[start+10:], dst[start+room:start+room+size])
		dst[start+1] = 127
		binary.BigEndian.PutUint64(dst[start+2:], uint64(size))
	}
	dst[start] = 0x80 | byte(kind)

	return dst
}

// AppendClose appends a close frame.
func AppendClose(dst []byte, code int) []byte {
	return binary.BigEndian.AppendUint16(append(dst, 0x80|byte(Close), 2), uint16(code))
}

// AppendPong appends the answer to a ping.
func AppendPong(dst, ping []byte) []byte {
	return append(append(dst, 0x80|byte(Pong), byte(len(ping))), ping...)
}

// CloseCode is the code in the payload of a close frame.
func CloseCode(payload []byte) int {
	if len(payload) < 2 {
		return CloseNoCode
	}

	return int(binary.BigEndian.Uint16(payload))
}
