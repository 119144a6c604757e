package rtp

import (
	pion "github.com/pion/rtp"

	"trunkline/media"
)

// sender turns frames into RTP packets. Its timestamp moves with every tick,
// also while nothing is sent, so that the far end hears a pause as long as it
// was.
type sender struct {
	params  Params
	applied bool
	size    int // audio octets in a packet

	header pion.Header
	clock  uint32 // timestamp of the next tick's first sample

	audio   [maxPayload]byte // encoded and not yet sent
	pending int              // octets in audio

	silence silence

	keys    keySender
	event   bool // an event packet is due
	press   event
	pressTS uint32
	pressM  bool

	datagram [headerSize + maxPayload]byte
}

// newSender starts with a random SSRC, sequence number and timestamp
// (RFC 3550 section 5.1).
func newSender() *sender {
	random := randomUint64()
	return &sender{
		header: pion.Header{
			Version:        2,
			Marker:         true,
			SSRC:           uint32(randomUint64()),
			SequenceNumber: uint16(random >> 32),
		},
		clock: uint32(random),
	}
}

// apply takes new parameters; audio that fills no packet yet is dropped when
// the codec or the packet's length changes.
func (s *sender) apply(p Params) {
	size := int(media.SamplesIn(p.Ptime))
	if p.Codec != s.params.Codec || p.PayloadType != s.params.PayloadType || size != s.size {
		s.pending = 0
	}
	s.params, s.size, s.applied = p, size, true
	s.silence = silence{} // a new agreement hears it anew
}

// pause lets one tick pass without sending.
func (s *sender) pause() {
	s.clock += media.FrameSamples
	s.pending = 0
	s.silence = silence{}
	s.header.Marker = true // the next packet begins a talkspurt (RFC 3551 section 4.1)
}

// push takes the frame of one tick. While a key is sent its event takes the
// place of the audio, and of a long silence comfort noise, if it was agreed on.
func (s *sender) push(f *media.Frame) {
	if s.params.EventType != 0 && s.keys.busy() {
		s.press, s.pressTS, s.pressM = s.keys.step(s.clock)
		s.event = true
		s.silence.interrupt()
	} else if s.params.NoiseType == 0 || !s.silence.step(f) {
		s.pending += s.params.Codec.Encode(s.audio[s.pending:], f[:])
	}
	s.clock += media.FrameSamples
}

// next is the next datagram that is due in this tick, or nil. It is valid
// until the following call.
func (s *sender) next() []byte {
	switch {
	case s.pending >= s.size && s.pending > 0:
		return s.packAudio(s.size)
	case (s.event || s.silence.off) && s.pending > 0:
		return s.packAudio(s.pending) // what came before the key or the silence, as a shorter packet
	case s.silence.due:
		s.silence.due = false
		return s.packNoise()
	case s.event:
		s.event = false
		return s.packEvent()
	}
	return nil
}

// packAudio makes a packet of the oldest n pending octets.
func (s *sender) packAudio(n int) []byte {
	s.header.PayloadType = s.params.PayloadType
	s.header.Timestamp = s.clock - uint32(s.pending)
	if s.event || s.silence.off {
		s.header.Timestamp -= media.FrameSamples // this tick belongs to the key or to silence
	}
	datagram := s.pack(s.audio[:n])
	s.pending = copy(s.audio[:], s.audio[n:s.pending])
	return datagram
}

// packNoise says that the agent is silent from this tick on. The packet after
// it begins a talkspurt.
func (s *sender) packNoise() []byte {
	s.header.PayloadType = s.params.NoiseType
	s.header.Timestamp = s.clock - media.FrameSamples
	s.header.Marker = false
	datagram := s.pack([]byte{noiseLevel})
	s.header.Marker = true
	return datagram
}

func (s *sender) packEvent() []byte {
	var payload [eventSize]byte
	s.press.put(payload[:])
	s.header.PayloadType = s.params.EventType
	s.header.Timestamp = s.pressTS
	s.header.Marker = s.pressM
	return s.pack(payload[:])
}

// pack writes the header and the payload.
func (s *sender) pack(payload []byte) []byte {
	n, err := s.header.MarshalTo(s.datagram[:])
	if err != nil {
		return nil // the header is always headerSize octets
	}
	n += copy(s.datagram[n:], payload)
	s.header.SequenceNumber++
	s.header.Marker = false
	return s.datagram[:n]
}
