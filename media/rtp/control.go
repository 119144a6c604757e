package rtp

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	crypto "crypto/rand"

	"trunkline/media"
	"trunkline/media/rtcp"
	"trunkline/media/srtp"
)

// control is the RTCP side of a session: whose reports are believed, and where
// ours go. The goroutine of converse reads and reports; Apply, Stats and Close
// meet it at the lock.
type control struct {
	sync.Mutex
	session *rtcp.Session
	apart   wire // of RTCP alone
	shared  wire // of RTP, which RTCP shares when that was agreed on
	route   route
	dropped uint64

	sealer  *srtp.Sealer // nil without SRTP
	opener  *srtp.Opener
	guarded bool // nothing is sent or believed without them
}

// A wire sends datagrams and never waits; it reports whether one left.
type wire interface {
	send(datagram []byte, to *destination) bool
}

func (c *control) begin(ssrc uint32, apart, shared wire, now time.Time) {
	c.apart, c.shared = apart, shared
	c.session = rtcp.New(rtcp.Options{SSRC: ssrc, CNAME: newCNAME(), Start: now, Random: rand.Float64})
}

// newCNAME is a short-term persistent name (RFC 7022 section 5): 96 random
// bits, which tell nothing about the host.
func newCNAME() string {
	var b [12]byte
	_, _ = crypto.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// expect takes the address of a new SDP.
func (c *control) expect(p Params) {
	c.Lock()
	defer c.Unlock()
	c.route.expect(p)
	c.guarded = p.Web.used()
}

// follow moves to where the far end is by its checks.
func (c *control) follow(to netip.AddrPort) {
	c.Lock()
	defer c.Unlock()
	c.route.source = to
}

// rekey protects reports by keys from now on. RTCP has Sealer and Opener of
// its own: its goroutines are others, and so are its counters.
func (c *control) rekey(keys srtp.Keys) error {
	c.Lock()
	defer c.Unlock()
	sealer, err := rekey(c.sealer, keys.Ours)
	if err != nil {
		return err
	}
	opener, err := reopen(c.opener, keys.Theirs)
	if err != nil {
		return err
	}
	c.sealer, c.opener = sealer, opener
	return nil
}

func (c *control) due() time.Time {
	c.Lock()
	defer c.Unlock()
	return c.session.Due()
}

func (c *control) drops() uint64 {
	c.Lock()
	defer c.Unlock()
	return c.dropped
}

// receive takes a datagram. rtp is the source that the RTP latch settled on,
// zero while it has not; stream is its SSRC, when known.
func (c *control) receive(b []byte, from, rtp netip.AddrPort, stream uint32, known bool, at time.Time) {
	c.Lock()
	defer c.Unlock()
	if c.route.refuses(from) || c.guarded && c.opener == nil {
		c.dropped++
		return
	}
	if c.opener != nil {
		var err error
		if b, err = c.opener.OpenControl(b); err != nil {
			c.dropped++
			return
		}
	}
	sender, ok := rtcp.Sender(b)
	if !ok || !c.route.admit(from, rtp, known && sender == stream) || c.session.Receive(b, stream, known, at) != nil {
		c.dropped++
	}
}

// fill adds what the far end reported to the statistics of the leg.
func (c *control) fill(s *media.LegStats) {
	c.Lock()
	v := c.session.View()
	c.Unlock()
	s.RTT = v.RoundTrip
	s.RemotePackets = v.Packets
	s.RemoteReports = v.Reports
	s.RemoteLost = v.Lost
	s.RemoteJitter = v.Jitter
}

// send makes a report or a farewell and sends it, if there is where to.
func (c *control) send(now time.Time, rtp netip.AddrPort, sent rtcp.Sent, received *rtcp.Received,
	compose func(time.Time, rtcp.Sent, *rtcp.Received) ([]byte, error),
) {
	to := c.route.destination(rtp)
	if !to.IsValid() || c.guarded && c.sealer == nil {
		return
	}
	b, err := compose(now, sent, received)
	if err == nil && c.sealer != nil {
		b, err = c.sealer.SealControl(b)
	}
	if err == nil { // CNAME and counts always fit
		c.wire().send(b, newDestination(to)) // a report that is lost is followed by the next
	}
}

// wire is what reports leave by.
func (c *control) wire() wire {
	if c.route.mux {
		return c.shared
	}
	return c.apart
}

// isControl tells RTCP from RTP on a port that they share (RFC 5761 section 4).
func isControl(b []byte) bool {
	const first, last = 192, 223
	return len(b) > 1 && b[1] >= first && b[1] <= last
}

// converse receives RTCP and reports when it is due, until the socket is
// closed.
func (s *Session) converse() {
	conn := s.port.rtcp
	buf := make([]byte, datagramSize)
	var deadline time.Time
	for failures := 0; failures < readFailures; {
		if due := s.control.due(); due != deadline {
			deadline = due
			_ = conn.SetReadDeadline(due) // fails when closed, as the read will
		}
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.report(time.Now())
		case err != nil:
			failures++
			s.unreadable(err)
		default:
			failures = 0
			rtp, received := s.heard()
			s.control.receive(buf[:n], from, rtp, received.SSRC, received.Expected > 0, time.Now())
		}
	}
}

// report sends a report unless the interval is drawn anew.
func (s *Session) report(now time.Time) {
	rtp, received, sent := s.snapshot()
	c := &s.control
	c.Lock()
	defer c.Unlock()
	if c.session.Ready(now) {
		c.send(now, rtp, sent, received, c.session.Report)
	}
}

// farewell sends BYE, when there was anything to say goodbye to.
func (s *Session) farewell(now time.Time) {
	rtp, received, sent := s.snapshot()
	if received == nil && sent.Packets == 0 {
		return
	}
	c := &s.control
	c.Lock()
	defer c.Unlock()
	c.send(now, rtp, sent, received, c.session.Bye)
}

// heard is the source of the far end's RTP and its stream; both zero while
// unknown.
func (s *Session) heard() (netip.AddrPort, rtcp.Received) {
	s.in.Lock()
	defer s.in.Unlock()
	received, _ := s.in.reception()
	return s.in.latch.source, received
}

// snapshot is what a report tells. The timestamp is that of the tick that is
// under way, at most 20 ms old.
func (s *Session) snapshot() (netip.AddrPort, *rtcp.Received, rtcp.Sent) {
	rtp, received := s.heard()
	s.out.Lock()
	sent := rtcp.Sent{Timestamp: s.out.clock, Packets: uint32(s.out.sent), Octets: uint32(s.out.octets)}
	s.out.Unlock()
	if received.Expected == 0 {
		return rtp, nil, sent
	}
	return rtp, &received, sent
}
