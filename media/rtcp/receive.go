package rtcp

import (
	"errors"
	"fmt"
	"slices"
	"time"

	pion "github.com/pion/rtcp"

	"trunkline/media"
)

// ErrStranger says that a packet is not of the far end whose RTP we receive.
var ErrStranger = errors.New("rtcp: the sender's SSRC is not that of its RTP")

// longestTrip is more than any telephone path takes; a longer round trip is a
// far end that computes wrongly.
const longestTrip = 10 * time.Second

// Sender checks that b is a compound packet (RFC 3550 appendix A.2) and tells
// the SSRC of its sender, without looking further.
func Sender(b []byte) (ssrc uint32, ok bool) {
	const headerAndSSRC = 8
	if len(b) < headerAndSSRC {
		return 0, false
	}
	var h pion.Header
	if h.Unmarshal(b) != nil || h.Padding {
		return 0, false
	}
	if h.Type != pion.TypeSenderReport && h.Type != pion.TypeReceiverReport {
		return 0, false
	}
	for rest := b; len(rest) > 0; {
		if h.Unmarshal(rest) != nil {
			return 0, false
		}
		size := 4 * (int(h.Length) + 1)
		if size > len(rest) || h.Padding && size != len(rest) {
			return 0, false
		}
		rest = rest[size:]
	}
	return uint32(b[4])<<24 | uint32(b[5])<<16 | uint32(b[6])<<8 | uint32(b[7]), true
}

// Receive takes a datagram that arrived at at. stream is the SSRC of the far
// end's RTP; known is false while none came, and then any is believed. A
// datagram that breaks the format changes nothing, and returns an error.
func (s *Session) Receive(b []byte, stream uint32, known bool, at time.Time) error {
	sender, ok := Sender(b)
	if !ok {
		return errors.New("rtcp: not a compound packet")
	}
	if known && sender != stream {
		return ErrStranger
	}
	packets, err := pion.Unmarshal(b)
	if err != nil {
		return fmt.Errorf("rtcp: %w", err)
	}
	s.view.Packets++
	for _, packet := range packets {
		switch p := packet.(type) {
		case *pion.SenderReport:
			if p.SSRC == sender {
				s.report.ssrc, s.report.middle, s.report.arrived = sender, middle(p.NTPTime), at
			}
			s.blocks(p.Reports, at)
		case *pion.ReceiverReport:
			s.blocks(p.Reports, at)
		case *pion.Goodbye:
			if slices.Contains(p.Sources, sender) {
				s.view.Gone = true
			}
		}
	}
	return nil
}

// blocks reads what the far end says about our stream.
func (s *Session) blocks(blocks []pion.ReceptionReport, at time.Time) {
	for i := range blocks {
		b := &blocks[i]
		if b.SSRC != s.ssrc {
			continue
		}
		s.view.Reports++
		s.view.Fraction = float64(b.FractionLost) / 256
		s.view.Highest = b.LastSequenceNumber
		s.view.Jitter = min(media.Samples(b.Jitter).Duration(), longestTrip)
		s.view.Lost = 0
		const negative = 0x800000 // duplicates can make the 24-bit count negative
		if b.TotalLost < negative {
			s.view.Lost = uint64(b.TotalLost)
		}
		s.trip(b, at)
	}
}

// trip measures the round trip (RFC 3550 section 6.4.1) by an SR that we did
// send.
func (s *Session) trip(b *pion.ReceptionReport, at time.Time) {
	if b.LastSenderReport == 0 || !slices.Contains(s.ours[:min(s.next, sentReports)], b.LastSenderReport) {
		return
	}
	units := int32(middle(s.ntp(at)) - b.LastSenderReport - b.Delay)
	trip := time.Duration(units) * time.Second / shortSecond
	// The far end's clock may be coarser than a short path.
	if trip < -time.Millisecond || trip > longestTrip {
		return
	}
	s.view.RoundTrip = max(trip, time.Microsecond)
}
