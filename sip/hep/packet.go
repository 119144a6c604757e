package hep

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Message is one SIP message that was sent or received.
type Message struct {
	At       time.Time
	Network  string // "UDP", "TCP", "TLS", "WS" or "WSS"
	From, To netip.AddrPort
	CallID   string
	Text     []byte
}

// The types of the chunks of the generic vendor (HEP3 specification, section
// "Generic chunk types").
const (
	chunkFamily      = 0x01
	chunkProtocol    = 0x02
	chunkSource4     = 0x03
	chunkTarget4     = 0x04
	chunkSource6     = 0x05
	chunkTarget6     = 0x06
	chunkSourcePort  = 0x07
	chunkTargetPort  = 0x08
	chunkSeconds     = 0x09
	chunkMicros      = 0x0a
	chunkKind        = 0x0b
	chunkNode        = 0x0c
	chunkKey         = 0x0e
	chunkPayload     = 0x0f
	chunkCorrelation = 0x11
)

// Values of chunks.
const (
	familyIPv4  = 2
	familyIPv6  = 10
	protocolTCP = 6
	protocolUDP = 17
	kindSIP     = 1
)

const (
	magic = "HEP3"

	// longest is what fits into a UDP datagram over IPv4.
	longest = 65507

	// header is the length of a chunk's vendor, type and length.
	header = 6
)

// ErrTooLong says that a message does not fit into a datagram.
var ErrTooLong = errors.New("hep: the message does not fit into a datagram")

// Append adds the packet that tells of m to buf. node is the number of the
// sender, and key what the server knows it by; without one the packet has
// none. On an error buf is returned as it was.
func Append(buf []byte, m Message, node uint32, key string) ([]byte, error) {
	from, to := m.From.Addr().Unmap(), m.To.Addr().Unmap()
	if !from.IsValid() || !to.IsValid() {
		return buf, fmt.Errorf("hep: from %s to %s: an address is missing", m.From, m.To)
	}

	begin, out := len(buf), buf
	out = append(out, magic...)
	out = append(out, 0, 0) // the length, known at the end

	if from.Is4() && to.Is4() {
		out = append8(out, chunkFamily, familyIPv4)
		out = appendBytes(out, chunkSource4, from.AsSlice())
		out = appendBytes(out, chunkTarget4, to.AsSlice())
	} else {
		source, target := from.As16(), to.As16()
		out = append8(out, chunkFamily, familyIPv6)
		out = appendBytes(out, chunkSource6, source[:])
		out = appendBytes(out, chunkTarget6, target[:])
	}

	out = append8(out, chunkProtocol, protocol(m.Network))
	out = append16(out, chunkSourcePort, m.From.Port())
	out = append16(out, chunkTargetPort, m.To.Port())
	out = append32(out, chunkSeconds, uint32(m.At.Unix()))
	out = append32(out, chunkMicros, uint32(m.At.Nanosecond()/1000))
	out = append8(out, chunkKind, kindSIP)
	out = append32(out, chunkNode, node)

	if len(key)+len(m.CallID)+len(m.Text)+len(out)-begin+3*header > longest {
		return buf, ErrTooLong
	}

	if key != "" {
		out = appendBytes(out, chunkKey, []byte(key))
	}

	out = appendBytes(out, chunkCorrelation, []byte(m.CallID))
	out = appendBytes(out, chunkPayload, m.Text)
	binary.BigEndian.PutUint16(out[begin+len(magic):], uint16(len(out)-begin))

	return out, nil
}

// protocol is the IP protocol below a SIP transport.
func protocol(network string) uint8 {
	if strings.EqualFold(network, "UDP") {
		return protocolUDP
	}

	return protocolTCP
}

func appendBytes(out []byte, kind uint16, value []byte) []byte {
	out = binary.BigEndian.AppendUint16(out, 0) // the generic vendor
	out = binary.BigEndian.AppendUint16(out, kind)
	out = binary.BigEndian.AppendUint16(out, uint16(header+len(value)))

	return append(out, value...)
}

func append8(out []byte, kind uint16, value uint8) []byte {
	return appendBytes(out, kind, []byte{value})
}

func append16(out []byte, kind, value uint16) []byte {
	return appendBytes(out, kind, binary.BigEndian.AppendUint16(nil, value))
}

func append32(out []byte, kind uint16, value uint32) []byte {
	return appendBytes(out, kind, binary.BigEndian.AppendUint32(nil, value))
}
