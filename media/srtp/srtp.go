package srtp

import (
	"errors"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	pion "github.com/pion/srtp/v3"
)

// Overhead is how many octets at most protection adds to a packet: the tag,
// and for RTCP the index before it.
const Overhead = 10 + 4

// ErrRefused says that a packet was not protected by the far end's key, or
// came before.
var ErrRefused = errors.New("srtp: forged or replayed")

// Sealer protects the packets of one direction. It counts the rollovers of the
// sequence numbers, so it must live as long as its key. It serves one
// goroutine at a time.
type Sealer struct {
	key     Key
	context *pion.Context
	header  rtp.Header
	control rtcp.Header
	buffer  []byte
}

// NewSealer makes the Sealer of a key.
func NewSealer(k Key) (*Sealer, error) {
	c, err := k.context()
	if err != nil {
		return nil, err
	}
	return &Sealer{key: k, context: c, header: newHeader()}, nil
}

// Key is the sealer's key.
func (s *Sealer) Key() Key { return s.key }

// Seal protects an RTP packet. The result is valid until the next call.
func (s *Sealer) Seal(packet []byte) ([]byte, error) {
	out, err := s.context.EncryptRTP(s.buffer, packet, &s.header)
	if err != nil {
		return nil, err
	}
	s.buffer = out[:0]
	return out, nil
}

// SealControl protects a compound RTCP packet. The result is valid until the
// next call.
func (s *Sealer) SealControl(packet []byte) ([]byte, error) {
	out, err := s.context.EncryptRTCP(s.buffer, packet, &s.control)
	if err != nil {
		return nil, err
	}
	s.buffer = out[:0]
	return out, nil
}

// Opener checks and decrypts the packets of one direction. It follows the
// rollovers of each SSRC, so it must live as long as its key. It serves one
// goroutine at a time.
type Opener struct {
	key     Key
	context *pion.Context
	header  rtp.Header
	control rtcp.Header
	buffer  []byte
}

// NewOpener makes the Opener of a key.
func NewOpener(k Key) (*Opener, error) {
	c, err := k.context()
	if err != nil {
		return nil, err
	}
	return &Opener{key: k, context: c, header: newHeader()}, nil
}

// Key is the opener's key.
func (o *Opener) Key() Key { return o.key }

// Open gives the RTP packet in a datagram, or ErrRefused. The result is valid
// until the next call.
func (o *Opener) Open(datagram []byte) ([]byte, error) {
	out, err := o.context.DecryptRTP(o.buffer, datagram, &o.header)
	if err != nil {
		return nil, ErrRefused
	}
	o.buffer = out[:0]
	return out, nil
}

// OpenControl gives the compound RTCP packet in a datagram, or ErrRefused. The
// result is valid until the next call.
func (o *Opener) OpenControl(datagram []byte) ([]byte, error) {
	const least = 8 + Overhead
	if len(datagram) < least {
		return nil, ErrRefused
	}
	out, err := o.context.DecryptRTCP(o.buffer, datagram, &o.control)
	if err != nil {
		return nil, ErrRefused
	}
	o.buffer = out[:0]
	return out, nil
}

// newHeader has room for what a header can name, so that parsing allocates
// nothing.
func newHeader() rtp.Header {
	return rtp.Header{CSRC: make([]uint32, 0, 15), Extensions: make([]rtp.Extension, 0, 4)}
}
