package wire

import (
	"encoding/binary"
	"net/netip"
)

// Protocol numbers.
const (
	etherIPv4 = 0x0800
	etherVLAN = 0x8100
	afInet    = 2
	protoUDP  = 17
)

// datagram is a UDP datagram over IPv4.
type datagram struct {
	source, destination netip.AddrPort
	payload             []byte
}

// ipv4 strips the link layer of a packet that carries IPv4.
func (c *capture) ipv4(p []byte) ([]byte, bool) {
	var kind uint16
	switch c.link {
	case linkRaw:
		return p, true
	case linkNull:
		if len(p) < 4 || c.order.Uint32(p) != afInet {
			return nil, false
		}

		return p[4:], true
	case linkEthernet:
		if len(p) < 14 {
			return nil, false
		}
		kind, p = binary.BigEndian.Uint16(p[12:]), p[14:]
		if kind == etherVLAN && len(p) >= 4 {
			kind, p = binary.BigEndian.Uint16(p[2:]), p[4:]
		}
	case linkSLL:
		if len(p) < 16 {
			return nil, false
		}
		kind, p = binary.BigEndian.Uint16(p[14:]), p[16:]
	case linkSLL2:
		if len(p) < 20 {
			return nil, false
		}
		kind, p = binary.BigEndian.Uint16(p), p[20:]
	}

	return p, kind == etherIPv4
}

// udp takes the datagram out of an IPv4 packet (RFC 791, RFC 768). Fragments
// carry no RTP of ours and are passed over.
func udp(p []byte) (datagram, bool) {
	if len(p) < 20 || p[0]>>4 != 4 {
		return datagram{}, false
	}
	header, total := int(p[0]&0x0f)*4, int(binary.BigEndian.Uint16(p[2:]))
	fragment := binary.BigEndian.Uint16(p[6:]) & 0x3fff // more fragments, or an offset
	if header < 20 || total < header+8 || total > len(p) || fragment != 0 || p[9] != protoUDP {
		return datagram{}, false
	}
	u := p[header:total]
	size := int(binary.BigEndian.Uint16(u[4:]))
	if size < 8 || size > len(u) {
		return datagram{}, false
	}

	return datagram{
		source:      netip.AddrPortFrom(netip.AddrFrom4([4]byte(p[12:16])), binary.BigEndian.Uint16(u)),
		destination: netip.AddrPortFrom(netip.AddrFrom4([4]byte(p[16:20])), binary.BigEndian.Uint16(u[2:])),
		payload:     u[8:size],
	}, true
}
