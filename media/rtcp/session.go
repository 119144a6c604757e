package rtcp

import (
	"fmt"
	"time"

	pion "github.com/pion/rtcp"

	"trunkline/media"
)

// Options of a Session.
type Options struct {
	// SSRC is that of the RTP stream that we send.
	SSRC uint32
	// CNAME names us for the whole call (RFC 7022), at most 255 octets.
	CNAME string
	// Start is when the session begins.
	Start time.Time
	// Random gives numbers from 0 to below 1; it spreads the reports.
	Random func() float64
}

// Sent is the RTP stream that we send, as it stands.
type Sent struct {
	Timestamp uint32 // RTP timestamp of this moment
	Packets   uint32
	Octets    uint32 // of payload
}

// Received is the RTP stream that the far end sends, as it stands.
type Received struct {
	SSRC     uint32
	Highest  uint32 // highest sequence number, extended by its wraps
	Expected uint64 // packets, by the sequence numbers
	Packets  uint64 // that arrived
	Jitter   time.Duration
}

// View is the call as the far end reports it.
type View struct {
	Packets   uint64        // RTCP datagrams of the far end
	Reports   uint64        // report blocks about our stream
	Lost      uint64        // packets of ours that did not arrive there, over the whole call
	Fraction  float64       // share lost since the report before, 0 to 1
	Highest   uint32        // highest sequence number of ours that arrived there
	Jitter    time.Duration // inter-arrival jitter there
	RoundTrip time.Duration // of the network; 0 while unknown
	Gone      bool          // the far end said BYE
}

// Session is the RTCP state of one call. It serves one goroutine at a time.
type Session struct {
	ssrc  uint32
	cname string
	start time.Time
	timer timer

	packets uint32 // sent, as last reported

	reported struct { // what the last report said about the far end's stream
		ssrc              uint32
		expected, packets uint64
	}
	report struct { // the latest SR of the far end
		ssrc    uint32
		middle  uint32 // the middle 32 bits of its NTP time
		arrived time.Time
	}
	ours [sentReports]uint32 // middle NTP times of our latest SRs
	next int

	view View
}

// sentReports is how many of our SRs a far end may still answer.
const sentReports = 8

// New begins the session.
func New(o Options) *Session {
	return &Session{ssrc: o.SSRC, cname: o.CNAME, start: o.Start, timer: newTimer(o.Start, o.Random)}
}

// Due is when to ask Report next.
func (s *Session) Due() time.Time { return s.timer.next }

// Ready says whether a report is to be sent now; when it says no, Due has
// moved (RFC 3550 section 6.3.6).
func (s *Session) Ready(now time.Time) bool { return s.timer.expire(now) }

// Report makes the compound packet that is due: SR or RR, and SDES. received
// is nil while nothing has arrived.
func (s *Session) Report(now time.Time, sent Sent, received *Received) ([]byte, error) {
	return s.compound(now, sent, received)
}

// Bye makes the last packet of the session (RFC 3550 section 6.6).
func (s *Session) Bye(now time.Time, sent Sent, received *Received) ([]byte, error) {
	return s.compound(now, sent, received, &pion.Goodbye{Sources: []uint32{s.ssrc}})
}

// View is what the far end reported so far.
func (s *Session) View() View { return s.view }

func (s *Session) compound(now time.Time, sent Sent, received *Received, more ...pion.Packet) ([]byte, error) {
	var blocks []pion.ReceptionReport
	if received != nil {
		blocks = append(blocks, s.block(now, received))
	}
	packets := make([]pion.Packet, 0, 3)
	if sent.Packets != s.packets {
		ntp := s.ntp(now)
		s.ours[s.next%sentReports] = middle(ntp)
		s.next++
		packets = append(packets, &pion.SenderReport{
			SSRC: s.ssrc, NTPTime: ntp, RTPTime: sent.Timestamp,
			PacketCount: sent.Packets, OctetCount: sent.Octets, Reports: blocks,
		})
	} else {
		packets = append(packets, &pion.ReceiverReport{SSRC: s.ssrc, Reports: blocks})
	}
	s.packets = sent.Packets
	packets = append(packets, &pion.SourceDescription{Chunks: []pion.SourceDescriptionChunk{{
		Source: s.ssrc,
		Items:  []pion.SourceDescriptionItem{{Type: pion.SDESCNAME, Text: s.cname}},
	}}})
	b, err := pion.Marshal(append(packets, more...))
	if err != nil {
		return nil, fmt.Errorf("rtcp: report: %w", err)
	}
	return b, nil
}

// block reports on the far end's stream (RFC 3550 section 6.4.1, appendix A.3).
func (s *Session) block(now time.Time, r *Received) pion.ReceptionReport {
	last := &s.reported
	if last.ssrc != r.SSRC {
		last.ssrc, last.expected, last.packets = r.SSRC, 0, 0
	}
	expected := int64(r.Expected - last.expected)
	lost := expected - int64(r.Packets-last.packets)
	last.expected, last.packets = r.Expected, r.Packets
	b := pion.ReceptionReport{
		SSRC:               r.SSRC,
		TotalLost:          uint32(min(max(int64(r.Expected)-int64(r.Packets), 0), 0x7FFFFF)),
		LastSequenceNumber: r.Highest,
		Jitter:             uint32(media.SamplesIn(r.Jitter)),
	}
	if expected > 0 && lost > 0 {
		b.FractionLost = uint8(min(lost*256/expected, 255))
	}
	if s.report.ssrc == r.SSRC && !s.report.arrived.IsZero() {
		b.LastSenderReport = s.report.middle
		b.Delay = shortTime(now.Sub(s.report.arrived))
	}
	return b
}
