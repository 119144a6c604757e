package sdp

import "trunkline/media/g711"

// clockRate of every codec and of telephone-event, in Hz.
const clockRate = 8000

// Payload types of the offers that we make.
const (
	noiseType       = 13  // static: comfort noise at 8 kHz (RFC 3389)
	eventType       = 101 // dynamic; the number most endpoints use
	lastPayloadType = 127
)

// telephoneEvent is the encoding name of RFC 4733 events.
const telephoneEvent = "telephone-event"

// comfortNoise is the encoding name of RFC 3389.
const comfortNoise = "CN"

// eventRange lists the events that we receive: the sixteen keys (RFC 4733
// section 3.2).
const eventRange = "0-15"

// static is the encoding that a payload type has without an a=rtpmap line.
func static(payloadType uint8) string {
	for _, c := range []g711.Codec{g711.PCMU, g711.PCMA} {
		if c.PayloadType() == payloadType {
			return c.String() + "/8000"
		}
	}

	return ""
}
