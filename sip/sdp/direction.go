package sdp

// Direction of a stream, from the side of whoever wrote the description
// (RFC 3264 section 5.1). The zero value is sendrecv, as in SDP.
type Direction uint8

// The directions of a stream.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

var directionNames = [...]string{"sendrecv", "sendonly", "recvonly", "inactive"}

// String is the attribute's name.
func (d Direction) String() string {
	if int(d) < len(directionNames) {
		return directionNames[d]
	}

	return "unknown"
}

// Sends reports whether the writer of the description sends.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives reports whether the writer of the description receives.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// directionOf is the direction of a writer that sends and receives as told.
func directionOf(sends, receives bool) Direction {
	switch {
	case sends && receives:
		return SendRecv
	case sends:
		return SendOnly
	case receives:
		return RecvOnly
	default:
		return Inactive
	}
}
