package ice

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // MESSAGE-INTEGRITY is HMAC-SHA1
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc32"
	"net/netip"
)

// STUN on the wire (RFC 8489 sections 5 and 14).
const (
	headerSize  = 20
	cookie      = 0x2112A442
	cookieAt    = 4
	idAt        = 8
	attrHeader  = 4
	crcSize     = 4
	fingerprint = 0x5354554e // what FINGERPRINT is combined with

	bindingRequest = 0x0001
	bindingSuccess = 0x0101
	bindingError   = 0x0111
)

// Attributes.
const (
	attrUsername        = 0x0006
	attrIntegrity       = 0x0008
	attrErrorCode       = 0x0009
	attrUnknown         = 0x000a
	attrIntegritySHA256 = 0x001c
	attrXORMapped       = 0x0020
	attrPriority        = 0x0024
	attrUseCandidate    = 0x0025
	attrFingerprint     = 0x8028
	attrControlled      = 0x8029
	attrControlling     = 0x802a

	optional = 0x8000 // attributes from here on may be passed over
)

// errMessage says that a datagram is no Binding request as ICE wants one.
var errMessage = errors.New("ice: not a check")

// IsMessage tells STUN from what else comes to the port (RFC 7983 section 7).
func IsMessage(datagram []byte) bool {
	return len(datagram) >= headerSize && datagram[0] < 4 && binary.BigEndian.Uint32(datagram[cookieAt:]) == cookie
}

// request is a Binding request. It refers to the datagram it was read from.
type request struct {
	id           []byte // cookie and transaction ID
	username     []byte
	covered      []byte // what MESSAGE-INTEGRITY covers, with the length as it was sent
	integrity    []byte
	useCandidate bool
	controlled   bool
	unknown      [4]uint16 // attributes that we must understand and do not
	unknowns     int       // how many of them are set
}

// read reads a Binding request and checks its FINGERPRINT.
func (r *request) read(datagram []byte) error {
	*r = request{}
	if !IsMessage(datagram) || binary.BigEndian.Uint16(datagram) != bindingRequest ||
		int(binary.BigEndian.Uint16(datagram[2:])) != len(datagram)-headerSize || len(datagram)%4 != 0 {
		return errMessage
	}
	r.id = datagram[cookieAt:headerSize]
	for at := headerSize; at < len(datagram); {
		rest := datagram[at:]
		if len(rest) < attrHeader {
			return errMessage
		}
		kind, size := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		next := attrHeader + (size+3)&^3
		if next > len(rest) {
			return errMessage
		}
		value := rest[attrHeader : attrHeader+size]
		if kind == attrFingerprint {
			return r.end(datagram, at, value)
		}
		if r.integrity == nil { // what stands behind it is not protected
			r.take(kind, value, datagram[:at])
		}
		at += next
	}

	return errMessage // FINGERPRINT must be there (RFC 8445 section 7.1.1)
}

// take takes one attribute; before is what stands in front of it.
func (r *request) take(kind uint16, value, before []byte) {
	switch kind {
	case attrUsername:
		r.username = value
	case attrIntegrity:
		if len(value) == sha1.Size {
			r.integrity, r.covered = value, before
		}
	case attrUseCandidate:
		r.useCandidate = true
	case attrControlled:
		r.controlled = true
	case attrPriority, attrIntegritySHA256:
	default:
		if kind < optional && r.unknowns < len(r.unknown) {
			r.unknown[r.unknowns] = kind
			r.unknowns++
		}
	}
}

// end checks FINGERPRINT, which is the last attribute.
func (r *request) end(datagram []byte, at int, value []byte) error {
	if len(value) != crcSize || at+attrHeader+crcSize != len(datagram) ||
		binary.BigEndian.Uint32(value) != crc32.ChecksumIEEE(datagram[:at])^fingerprint ||
		r.integrity == nil || r.username == nil {
		return errMessage
	}

	return nil
}

// integrity makes MESSAGE-INTEGRITY under one password.
type integrity struct {
	mac    hash.Hash
	length [2]byte
	sum    [sha1.Size]byte
}

func newIntegrity(password string) *integrity {
	return &integrity{mac: hmac.New(sha1.New, []byte(password))}
}

// of is the value for a message up to, and without, the attribute: the header
// counts as one that ends with it (RFC 8489 section 14.5). It is valid until the
// next call.
func (i *integrity) of(message []byte) []byte {
	binary.BigEndian.PutUint16(i.length[:], uint16(len(message)-headerSize+attrHeader+sha1.Size))
	i.mac.Reset()
	i.mac.Write(message[:2])
	i.mac.Write(i.length[:])
	i.mac.Write(message[cookieAt:])

	return i.mac.Sum(i.sum[:0])
}

// proves reports whether the request was made by somebody who knows the
// password.
func (r *request) proves(password *integrity) bool {
	return hmac.Equal(password.of(r.covered), r.integrity)
}

// response is a message that we make; its buffer is used again.
type response struct{ b []byte }

func (m *response) begin(kind uint16, id []byte) {
	m.b = append(m.b[:0], byte(kind>>8), byte(kind), 0, 0)
	m.b = append(m.b, id...)
}

// attribute adds the head of an attribute of size octets, which follow.
func (m *response) attribute(kind uint16, size int) {
	m.b = binary.BigEndian.AppendUint16(m.b, kind)
	m.b = binary.BigEndian.AppendUint16(m.b, uint16(size))
}

// mapped adds XOR-MAPPED-ADDRESS: where the request came from.
func (m *response) mapped(from netip.AddrPort) {
	const ipv4, ipv6 = 1, 2
	id := m.b[cookieAt:headerSize]
	ip, family := from.Addr().Unmap(), byte(ipv6)
	var raw [16]byte
	octets := raw[:]
	if ip.Is4() {
		four := ip.As4()
		octets, family = raw[:copy(raw[:], four[:])], ipv4
	} else {
		raw = ip.As16()
	}
	for i := range octets {
		octets[i] ^= id[i]
	}
	m.attribute(attrXORMapped, 4+len(octets))
	m.b = append(m.b, 0, family)
	m.b = binary.BigEndian.AppendUint16(m.b, from.Port()^cookie>>16)
	m.b = append(m.b, octets...)
}

// failure adds ERROR-CODE, with no words.
func (m *response) failure(code int) {
	m.attribute(attrErrorCode, 4)
	m.b = append(m.b, 0, 0, byte(code/100), byte(code%100))
}

// lacking adds UNKNOWN-ATTRIBUTES.
func (m *response) lacking(kinds []uint16) {
	m.attribute(attrUnknown, 2*len(kinds))
	for _, k := range kinds {
		m.b = binary.BigEndian.AppendUint16(m.b, k)
	}
	if len(kinds)%2 == 1 {
		m.b = append(m.b, 0, 0)
	}
}

// finish adds MESSAGE-INTEGRITY and FINGERPRINT, and gives the message.
func (m *response) finish(password *integrity) []byte {
	sum := password.of(m.b)
	m.attribute(attrIntegrity, sha1.Size)
	m.b = append(m.b, sum...)
	at := len(m.b)
	binary.BigEndian.PutUint16(m.b[2:], uint16(at-headerSize+attrHeader+crcSize))
	m.attribute(attrFingerprint, crcSize)
	m.b = binary.BigEndian.AppendUint32(m.b, crc32.ChecksumIEEE(m.b[:at])^fingerprint)

	return m.b
}
