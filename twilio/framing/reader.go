package framing

import (
	"encoding/binary"
	"fmt"
)

// Kind is a frame's opcode (RFC 6455 section 5.2).
type Kind uint8

// The kinds of messages, and of control frames.
const (
	continuation Kind = 0x0

	Text   Kind = 0x1
	Binary Kind = 0x2
	Close  Kind = 0x8
	Ping   Kind = 0x9
	Pong   Kind = 0xA
)

func (k Kind) control() bool { return k >= Close }

// An Error says what a client did against the protocol, and with which code
// the socket is to be closed for that (section 7.4.1).
type Error struct {
	Code int
	What string
}

// Error implements error.
func (e *Error) Error() string { return "websocket: " + e.What }

func breach(what string) error { return &Error{CloseProtocol, what} }

const (
	shortest = 4 << 10 // octets that a Reader has room for at first
	header   = 14      // octets that a frame's header has at most
)

// Reader cuts what a client sends into messages. Its memory grows to what the
// longest message needs, and no further.
type Reader struct {
	limit int // octets that a message may have

	buf        []byte
	head, tail int // of buf: what came and was not taken

	whole     []byte // of a message in fragments, so far
	kind      Kind   // of it
	fragments bool   // one is under way
	closed    bool   // a close frame came: nothing counts after it
}

// NewReader makes a Reader of messages of at most limit octets.
func NewReader(limit int) *Reader { return &Reader{limit: limit, buf: make([]byte, shortest)} }

// Room is where octets from the socket go, in front of the next call of Filled.
// It is never empty once Next has reported that it needs more. What Next gave
// before is no good afterwards.
func (r *Reader) Room() []byte {
	if r.head > 0 {
		r.tail = copy(r.buf, r.buf[r.head:r.tail])
		r.head = 0
	}
	if want := r.wanted(); want > len(r.buf) {
		r.buf = append(make([]byte, 0, want), r.buf[:r.tail]...)[:want]
	}

	return r.buf[r.tail:]
}

// wanted is how long the frame is whose beginning is in buf, as far as that is
// within the limit.
func (r *Reader) wanted() int {
	_, size, start, ok := r.peek()
	if !ok || size > uint64(r.limit) {
		return header
	}

	return start + int(size)
}

// Filled says that n octets of Room were filled.
func (r *Reader) Filled(n int) { r.tail += n }

// peek reads the header of the next frame: its first two octets, how long its
// payload is and where that starts. It reports false when there is too little.
func (r *Reader) peek() (first [2]byte, size uint64, start int, ok bool) {
	b := r.buf[r.head:r.tail]
	if len(b) < 2 {
		return first, 0, 0, false
	}
	first = [2]byte(b)
	size, start = uint64(b[1]&0x7F), 2
	switch size {
	case 126:
		if start += 2; len(b) < start {
			return first, 0, 0, false
		}
		size = uint64(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if start += 8; len(b) < start {
			return first, 0, 0, false
		}
		size = binary.BigEndian.Uint64(b[2:])
	}
	if b[1]&0x80 != 0 {
		start += 4
	}

	return first, size, start, len(b) >= start
}

// Next takes the next message or control frame off what came. It reports false
// when more has to come first. data is good until the next call of Next or Room.
// An error is an *Error, and the end of the stream.
func (r *Reader) Next() (kind Kind, data []byte, ok bool, err error) {
	for !r.closed {
		first, size, start, ok := r.peek()
		if !ok {
			return 0, nil, false, nil
		}
		kind, final := Kind(first[0]&0x0F), first[0]&0x80 != 0
		if err := r.judge(first, kind, final, size); err != nil {
			return 0, nil, false, err
		}
		if uint64(r.tail-r.head-start) < size {
			return 0, nil, false, nil
		}
		from := r.head + start
		data := r.buf[from : from+int(size)]
		unmask(data, [4]byte(r.buf[from-4:]))
		r.head = from + int(size)
		switch {
		case kind.control():
			r.closed = kind == Close

			return kind, data, true, nil
		case final && !r.fragments:
			return kind, data, true, nil
		}
		if kind != continuation {
			r.kind, r.whole, r.fragments = kind, r.whole[:0], true
		}
		r.whole = append(r.whole, data...)
		if final {
			r.fragments = false

			return r.kind, r.whole, true, nil
		}
	}

	return 0, nil, false, nil
}

// judge says what is wrong with a frame.
func (r *Reader) judge(first [2]byte, kind Kind, final bool, size uint64) error {
	before := 0
	if r.fragments && !kind.control() {
		before = len(r.whole)
	}
	switch {
	case first[0]&0x70 != 0:
		return breach("a frame of an extension that was not agreed on")
	case first[1]&0x80 == 0:
		return breach("a frame without a mask")
	case kind > Binary && kind < Close || kind > Pong:
		return breach(fmt.Sprintf("a frame of the unknown kind %d", kind))
	case kind.control() && (!final || first[1]&0x7F > longestControl):
		return breach("a control frame that is too long or in fragments")
	case kind == continuation && !r.fragments:
		return breach("a fragment of no message")
	case (kind == Text || kind == Binary) && r.fragments:
		return breach("a message within the fragments of another")
	case size > uint64(r.limit-before):
		return &Error{CloseTooLong, fmt.Sprintf("a message of more than %d octets", r.limit)}
	}

	return nil
}

// unmask undoes the client's mask (section 5.3).
func unmask(data []byte, key [4]byte) {
	k := binary.LittleEndian.Uint32(key[:])
	wide := uint64(k)<<32 | uint64(k)
	for len(data) >= 8 {
		binary.LittleEndian.PutUint64(data, binary.LittleEndian.Uint64(data)^wide)
		data = data[8:]
	}
	for i := range data {
		data[i] ^= key[i&3]
	}
}
