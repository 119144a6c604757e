package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrTruncated says that a capture ends in the middle of a packet, as when
// the capturing program was killed. What stood before it is intact.
var ErrTruncated = errors.New("the capture ends in the middle of a packet")

// Sizes of the classic pcap format (draft-ietf-opsawg-pcap).
const (
	fileHeaderSize   = 24
	recordHeaderSize = 16
	maxRecord        = 256 << 10 // the largest snap length that libpcap uses
)

// Link types (draft-ietf-opsawg-pcaplinktype) that carry IPv4 where we capture.
const (
	linkNull     = 0   // BSD loopback
	linkEthernet = 1   // also Linux's lo
	linkRaw      = 101 // IP with nothing before it
	linkSLL      = 113 // Linux "any" interface
	linkSLL2     = 276 // the same, second version
)

// capture reads the records of a pcap file.
type capture struct {
	r     *bufio.Reader
	order binary.ByteOrder
	nano  bool // fractions of a second are ns, else µs
	link  uint32
	buf   []byte
}

func openCapture(r io.Reader) (*capture, error) {
	c := &capture{r: bufio.NewReaderSize(r, 1<<20)}
	var h [fileHeaderSize]byte
	if _, err := io.ReadFull(c.r, h[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errors.New("read capture: not a pcap file: it is shorter than the file header")
		}

		return nil, fmt.Errorf("read capture: %w", err)
	}
	switch magic := binary.LittleEndian.Uint32(h[:]); magic {
	case 0xa1b2c3d4, 0xa1b23c4d:
		c.order, c.nano = binary.LittleEndian, magic == 0xa1b23c4d
	case 0xd4c3b2a1, 0x4d3cb2a1:
		c.order, c.nano = binary.BigEndian, magic == 0x4d3cb2a1
	case 0x0a0d0d0a:
		return nil, errors.New("read capture: this is a pcapng file: capture with dumpcap -P, or convert it with editcap -F pcap")
	default:
		return nil, fmt.Errorf("read capture: not a pcap file: it begins with %#08x", magic)
	}
	// The upper bits say whether and how long frame check sequences are.
	c.link = c.order.Uint32(h[20:]) & 0x0fffffff
	switch c.link {
	case linkNull, linkEthernet, linkRaw, linkSLL, linkSLL2:
		return c, nil
	default:
		return nil, fmt.Errorf("read capture: link type %d is not known: capture on an Ethernet or loopback interface", c.link)
	}
}

// next returns the next record; its bytes hold until the call after. At the
// end of the file the error is io.EOF.
func (c *capture) next() (at time.Time, packet []byte, err error) {
	var h [recordHeaderSize]byte
	if _, err := io.ReadFull(c.r, h[:]); err != nil {
		return time.Time{}, nil, truncated(err)
	}
	fraction, stored, size := int64(c.order.Uint32(h[4:])), c.order.Uint32(h[8:]), c.order.Uint32(h[12:])
	if !c.nano {
		fraction *= int64(time.Microsecond)
	}
	switch {
	case stored > maxRecord:
		return time.Time{}, nil, fmt.Errorf("read capture: damaged: a packet of %d bytes", stored)
	case stored < size:
		return time.Time{}, nil, fmt.Errorf("read capture: a packet of %d bytes was cut to %d: capture without a snap length (-s 0)", size, stored)
	}
	if cap(c.buf) < int(stored) {
		c.buf = make([]byte, stored)
	}
	packet = c.buf[:stored]
	if _, err := io.ReadFull(c.r, packet); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}

		return time.Time{}, nil, truncated(err)
	}

	return time.Unix(int64(c.order.Uint32(h[:])), fraction).UTC(), packet, nil
}

func truncated(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("read capture: %w", ErrTruncated)
	default:
		return fmt.Errorf("read capture: %w", err)
	}
}
