package sdp

// direction of a stream, from the side of whoever wrote the description
// (RFC 3264 section 5.1). The zero value is sendrecv, as in SDP.
type direction uint8

const (
	sendRecv direction = iota
	sendOnly
	recvOnly
	inactive
)

var directionNames = [...]string{"sendrecv", "sendonly", "recvonly", "inactive"}

// String is the attribute's name.
func (d direction) String() string {
	if int(d) < len(directionNames) {
		return directionNames[d]
	}

	return "unknown"
}

// sends reports whether the writer of the description sends.
func (d direction) sends() bool { return d == sendRecv || d == sendOnly }

// receives reports whether the writer of the description receives.
func (d direction) receives() bool { return d == sendRecv || d == recvOnly }

// directionOf is the direction of a writer that sends and receives as told.
func directionOf(sends, receives bool) direction {
	switch {
	case sends && receives:
		return sendRecv
	case sends:
		return sendOnly
	case receives:
		return recvOnly
	default:
		return inactive
	}
}
