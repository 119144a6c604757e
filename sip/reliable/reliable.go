package reliable

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// RAck is the value of a RAck header: what a PRACK confirms.
type RAck struct {
	RSeq   uint32
	CSeq   uint32
	Method string
}

// String is the header's value.
func (r RAck) String() string { return fmt.Sprintf("%d %d %s", r.RSeq, r.CSeq, r.Method) }

// ErrMalformed says that a header is none of RFC 3262.
var ErrMalformed = errors.New("malformed header of a reliable response")

// ParseRAck reads the value of a RAck header.
func ParseRAck(value string) (RAck, error) {
	fields := strings.Fields(value)
	if len(fields) != 3 {
		return RAck{}, fmt.Errorf("%w: RAck is two numbers and a method", ErrMalformed)
	}

	rseq, err := ParseRSeq(fields[0])
	if err != nil {
		return RAck{}, err
	}

	cseq, err := strconv.ParseUint(fields[1], 10, 32)
	if err != nil {
		return RAck{}, fmt.Errorf("%w: %q is no CSeq number", ErrMalformed, fields[1])
	}

	return RAck{RSeq: rseq, CSeq: uint32(cseq), Method: fields[2]}, nil
}

// ParseRSeq reads the value of a RSeq header, 1 to 2^32-1.
func ParseRSeq(value string) (uint32, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%w: %q is no RSeq number", ErrMalformed, value)
	}

	return uint32(n), nil
}

// Sender numbers the responses of one INVITE that we answer. RFC 3262 section
// 3 lets a second one follow only when the first is confirmed.
type Sender struct {
	next    uint32 // number of the next response
	waiting bool   // the one before it is not confirmed
	cseq    uint32 // of the INVITE
}

// NewSender begins with number first, 1 to 2^31-1, for the INVITE numbered
// cseq.
func NewSender(first, cseq uint32) *Sender { return &Sender{next: first, cseq: cseq} }

// Number is the RSeq of the next response. It reports false while one is
// unconfirmed.
func (s *Sender) Number() (uint32, bool) {
	if s.waiting {
		return 0, false
	}

	n := s.next
	s.next++
	s.waiting = true

	return n, true
}

// Waiting reports whether a response is unconfirmed.
func (s *Sender) Waiting() bool { return s.waiting }

// Confirm takes a PRACK's RAck. It reports false for one that confirms no
// unconfirmed response, which gets 481.
func (s *Sender) Confirm(r RAck) bool {
	if !s.waiting || r.RSeq != s.next-1 || r.CSeq != s.cseq || !strings.EqualFold(r.Method, "INVITE") {
		return false
	}

	s.waiting = false

	return true
}

// Verdict says what to do with a reliable response of the far end.
type Verdict uint8

// What RFC 3262 section 4 says of a response.
const (
	Confirm Verdict = iota // it is the next one
	Repeat                 // its PRACK is on its way, which is sent again if lost
	Ignore                 // one before it has not come; the far end will send both again
)

// Receiver orders the responses of one early dialog of our INVITE. The zero
// value expects the first.
type Receiver struct {
	last uint32 // 0 before the first
}

// Take judges a response by its RSeq.
func (r *Receiver) Take(rseq uint32) Verdict {
	switch {
	case r.last == 0 || rseq == r.last+1:
		r.last = rseq
		return Confirm
	case rseq <= r.last:
		return Repeat
	default:
		return Ignore
	}
}
