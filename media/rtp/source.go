package rtp

// Limits of RFC 3550 appendix A.1.
const (
	maxDropout  = 3000 // packets lost in a row, above which a sequence is not believed to go on
	maxMisorder = 100  // how far a packet may come behind
	wrap        = 1 << 16
)

// source follows the numbering of the far end's packets over its wraps, and
// over a change of SSRC or a fresh start in mid-call. Its zero value awaits
// the first packet.
type source struct {
	known   bool
	ssrc    uint32
	first   int64 // extended number of the stream's first packet
	highest int64 // highest extended number; never falls over the whole call

	received uint64 // distinct packets of this stream
	before   uint64 // packets lost in earlier streams
	gaps     uint64 // runs of packets that were missing when the next one came

	// A packet outside the sequence waits for the one that follows it.
	pending     bool
	pendingSSRC uint32
	pendingSeq  uint16
}

// place extends the number of a packet. It reports false for a packet that
// fits no sequence; a second one that follows it starts a new stream.
func (s *source) place(ssrc uint32, seq uint16) (extended int64, ok bool) {
	if s.known && ssrc == s.ssrc {
		ahead := int64(int16(seq - uint16(s.highest)))
		if ahead < maxDropout && ahead > -maxMisorder && s.highest+ahead >= 0 {
			extended = s.highest + ahead
			if ahead > 1 {
				s.gaps++
			}
			s.highest = max(s.highest, extended)
			s.first = min(s.first, extended)
			return extended, true
		}
	}
	if s.known && (!s.pending || ssrc != s.pendingSSRC || seq != s.pendingSeq+1) {
		s.pending, s.pendingSSRC, s.pendingSeq = true, ssrc, seq
		return 0, false
	}
	s.before = s.lost()
	// One whole wrap above all that came: newer than any packet before.
	s.highest = (s.highest/wrap+1)*wrap + int64(seq)
	s.known, s.pending, s.ssrc = true, false, ssrc
	s.first, s.received = s.highest, 0
	return s.highest, true
}

// count takes note of a placed packet that did not come before.
func (s *source) count() { s.received++ }

// renew takes the next packet as the start of a new stream.
func (s *source) renew() {
	s.before = s.lost()
	s.known, s.first, s.received = false, 0, 0
}

// lost is how many numbers never came.
func (s *source) lost() uint64 {
	if !s.known {
		return s.before
	}
	expected := s.expected()
	return s.before + expected - min(s.received, expected)
}

// extended is the highest number of this stream with the count of its wraps,
// as RTCP reports it (RFC 3550 section 6.4.1).
func (s *source) extended() uint32 {
	return uint32(s.highest - s.first/wrap*wrap)
}

// expected is how many packets this stream has had so far.
func (s *source) expected() uint64 { return uint64(s.highest - s.first + 1) }
