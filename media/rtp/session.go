package rtp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"trunkline/media"
	"trunkline/media/dtls"
	"trunkline/media/srtp"
)

const (
	// minKey is the shortest key press that receivers must notice
	// (ITU-T Q.24: 40 ms).
	minKey = 40 * time.Millisecond

	// datagramSize is more than any packet we take; longer ones are cut and
	// refused.
	datagramSize = 2048

	// readFailures is how many errors in a row end the reading of the RTCP
	// socket.
	readFailures = 100

	// reads is how many batches one Read takes off the socket at most: a flood
	// of strangers shall not hold up the other calls of the clock.
	reads = 64
)

// Options of a Session.
type Options struct {
	// MaxDelay is the longest time that the jitter buffer may hold audio
	// back; 0 means its default.
	MaxDelay time.Duration
	// LatchWithin is how long after an SDP packets from another address than
	// its own may be taken for the far end's; 0 means 10 s.
	LatchWithin time.Duration
	// DTLS makes the keys of calls that have a Web; nil: none may.
	DTLS *dtls.Endpoint
	// Log is told where the far end was found; nil means nobody.
	Log *slog.Logger

	now func() time.Time // of ticks, before which packets arrive; nil means time.Now
}

// Session is the RTP session of one call, a media.Leg. Until Apply is called
// it sends nothing and takes nothing.
type Session struct {
	port *Port
	log  *slog.Logger
	now  func() time.Time
	dtls *dtls.Endpoint

	applying sync.Mutex // changes of parameters and keys, before every other lock

	in struct { // what arrives
		sync.Mutex
		*receiver
		web    *web  // nil without ICE and DTLS
		failed bool  // the socket could not be read, once
		drops  tally // the kernel's
	}
	out struct { // what leaves
		sync.Mutex
		*sender
		sealer        *srtp.Sealer // nil without SRTP
		sent, refused uint64
		octets        uint64 // of payload, sent
	}
	control control
	to      atomic.Pointer[destination] // nil while unknown

	ticked  atomic.Bool // the line reads the RTP socket
	closed  atomic.Bool
	closing chan struct{}
	reading sync.WaitGroup
}

var _ media.Leg = (*Session)(nil)

// NewSession starts to listen on port, which is the session's from now on and
// closed with it.
func NewSession(port *Port, o Options) *Session {
	s := &Session{port: port, log: o.Log, now: o.now, dtls: o.DTLS, closing: make(chan struct{})}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.in.receiver = newReceiver(o)
	s.out.sender = newSender()
	s.reading.Go(s.attend)
	s.control.begin(s.out.header.SSRC, newOutput(port.rtcp), port.rtp, time.Now())
	s.reading.Go(s.converse)
	return s
}

// Local is the address that RTP arrives at.
func (s *Session) Local() netip.AddrPort { return s.port.Local() }

// Apply puts the outcome of an offer and its answer in force. A Remote other
// than the one before makes the session look anew for the far end; the same
// Remote keeps the address that was found. It may be called at any time from
// any goroutine, and returns an error when p is invalid or the session is
// closed; then nothing changes.
func (s *Session) Apply(p Params) error {
	if s.closed.Load() {
		return fmt.Errorf("rtp: apply: %w", net.ErrClosed)
	}
	if err := p.Validate(); err != nil {
		return fmt.Errorf("rtp: apply: %w", err)
	}
	p = p.normal()
	if local := s.Local().Addr(); p.Remote.IsValid() && p.Remote.Addr().Is4() != local.Is4() {
		return fmt.Errorf("rtp: apply: cannot send to %s from %s: the address families differ", p.Remote, local)
	}

	former, err := s.put(p)
	if former != nil {
		former.Close()
	}
	if err != nil {
		return fmt.Errorf("rtp: apply: %w", err)
	}
	return nil
}

// put puts parameters in force. It returns the association that they make
// needless.
func (s *Session) put(p Params) (former *dtls.Association, err error) {
	s.applying.Lock()
	defer s.applying.Unlock()
	if former, err = s.join(p); err != nil {
		return former, err
	}
	if !p.Web.used() {
		if err := s.rekey(p.SRTP); err != nil {
			return former, err
		}
	}

	s.in.Lock()
	if s.in.apply(p, s.now()) {
		s.screen(netip.AddrPort{})
		if p.NAT {
			s.direct(netip.AddrPort{})
		} else {
			s.direct(p.Remote)
		}
	}
	s.in.Unlock()
	s.control.expect(p)

	s.out.Lock()
	s.out.apply(p)
	s.out.Unlock()
	return former, nil
}

// rekey protects all that is sent and received from now on by keys.
func (s *Session) rekey(keys srtp.Keys) error {
	s.in.Lock()
	opener, err := reopen(s.in.opener, keys.Theirs)
	if err == nil {
		s.in.opener = opener
	}
	s.in.Unlock()
	if err != nil {
		return err
	}
	s.out.Lock()
	sealer, err := rekey(s.out.sealer, keys.Ours)
	if err == nil {
		s.out.sealer = sealer
	}
	s.out.Unlock()
	if err != nil {
		return err
	}
	return s.control.rekey(keys)
}

// direct sends to addr from now on.
func (s *Session) direct(addr netip.AddrPort) {
	if !addr.IsValid() {
		s.to.Store(nil)
		return
	}
	s.to.Store(newDestination(addr))
}

// attend takes RTP until the line does, so that what comes before the first
// tick finds the far end and does not wait in the kernel.
func (s *Session) attend() {
	ticker := time.NewTicker(media.FrameDuration)
	defer ticker.Stop()
	for !s.ticked.Load() {
		s.in.Lock()
		s.collect(s.now())
		s.in.Unlock()
		select {
		case <-s.closing:
			return
		case <-ticker.C:
		}
	}
}

// collect takes what has come since it was last called. The caller holds s.in.
func (s *Session) collect(now time.Time) {
	b := batches.Get().(*batch) //nolint:errcheck,forcetypeassert // New makes nothing else
	defer batches.Put(b)
	for range reads {
		n, err := s.port.rtp.receive(b)
		if err != nil && !s.in.failed {
			s.in.failed = true
			s.aside(func() { s.unreadable(err) })
		}
		if n == 0 {
			return
		}
		wall := time.Now()
		for i := range n {
			datagram, from := b.datagram(i)
			s.arrived(datagram, from, now.Add(-b.age(i, wall)))
			b.clear(i)
		}
		if n < batchSize {
			return
		}
	}
}

// arrived takes a datagram off the RTP port. The caller holds s.in.
func (s *Session) arrived(datagram []byte, from netip.AddrPort, at time.Time) {
	if s.in.web != nil {
		if !s.hear(datagram, from, at) {
			return
		}
		from = s.in.web.at // whichever of its addresses the far end used
	}
	if s.in.params.Mux && isControl(datagram) {
		s.hearControl(datagram, from)
	} else if s.in.datagram(datagram, from, at) {
		s.settle(from)
	}
}

// hearControl takes RTCP that came to the RTP port. The caller holds s.in.
func (s *Session) hearControl(b []byte, from netip.AddrPort) {
	received, known := s.in.reception()
	s.control.receive(b, from, s.in.latch.source, received.SSRC, known, time.Now())
}

// screen has the kernel keep out what does not come from source, so that a
// flood of strangers takes neither time nor the far end's room in the queue;
// with an invalid one it lets all in. Where it cannot, the latch does the same,
// later. The caller holds s.in.
func (s *Session) screen(source netip.AddrPort) {
	s.count()
	s.in.drops.screened = s.port.rtp.admit(source) == nil && source.IsValid()
}

// count takes note of what the kernel dropped. The caller holds s.in.
func (s *Session) count() {
	if n, ok := s.port.rtp.drops(); ok {
		s.in.drops.add(n)
	}
}

// settle sends to where the far end was found, and hears nobody else. The
// caller holds s.in.
func (s *Session) settle(source netip.AddrPort) {
	s.screen(source)
	s.direct(source)
	sdp := s.in.latch.sdp
	if s.log.Enabled(context.Background(), slog.LevelDebug) {
		s.aside(func() {
			s.log.LogAttrs(context.Background(), slog.LevelDebug, "media source found",
				slog.String("local", s.Local().String()), slog.String("source", source.String()), slog.String("sdp", sdp.String()))
		})
	}
}

// aside runs f on a goroutine of its own: the line clock does not wait for the
// log. The caller holds s.in, so that Close still waits.
func (s *Session) aside(f func()) {
	if !s.closed.Load() {
		s.reading.Go(f)
	}
}

func (s *Session) unreadable(err error) {
	s.log.LogAttrs(context.Background(), slog.LevelWarn, "media socket cannot be read",
		slog.String("local", s.Local().String()), slog.Any("error", err))
}

// Read implements media.Leg. From the first one on, RTP is taken off the socket
// by Read alone, and its arrival told by the kernel.
func (s *Session) Read(f *media.Frame) media.Inbound {
	if !s.ticked.Load() {
		s.ticked.Store(true)
	}
	now := s.now()
	s.in.Lock()
	defer s.in.Unlock()
	s.collect(now)
	if s.in.web != nil {
		s.follow(now) // consent ends by the time alone
	}
	return s.in.take(f, now)
}

// Shift says whether ticks should come a step later (1) or earlier (-1) from
// the next one on, for packets to wait less in the jitter buffer, and counts on
// that. The ticks' goroutine calls it after Read.
func (s *Session) Shift(step time.Duration) int {
	s.in.Lock()
	defer s.in.Unlock()
	return s.in.shift(step)
}

// Digit implements media.Leg.
func (s *Session) Digit() (media.Digit, bool) {
	s.in.Lock()
	defer s.in.Unlock()
	return s.in.keys.next()
}

// Write implements media.Leg. With a ptime above 20 ms a packet leaves at the
// tick that fills it. Write reports false also when the socket refuses one, and
// after Close.
func (s *Session) Write(f *media.Frame) bool {
	s.out.Lock()
	defer s.out.Unlock()
	to := s.to.Load()
	if to == nil || !s.out.params.Send || s.closed.Load() {
		s.out.pause()
		return false
	}
	s.out.push(f)
	taken := true
	for datagram := s.out.next(); datagram != nil; datagram = s.out.next() {
		if s.transmit(datagram, to) {
			s.out.sent++
			s.out.octets += uint64(len(datagram) - headerSize)
		} else {
			s.out.refused++
			taken = false
		}
	}
	return taken
}

// transmit protects a packet, if it is to be, and sends it.
func (s *Session) transmit(packet []byte, to *destination) bool {
	if s.out.sealer == nil && s.out.params.Web.used() {
		return false // never in the clear
	}
	if s.out.sealer != nil {
		var err error
		if packet, err = s.out.sealer.Seal(packet); err != nil {
			return false // the key has protected 2^48 packets
		}
	}
	return s.port.rtp.send(packet, to)
}

// SendDigit queues a key press, one of 0-9 * # A B C D held for d, to be sent
// as a telephone event by the coming Writes; up to 32 may wait. Less than
// 40 ms count as 40 ms. While a key is sent, audio is not. It returns an error
// for another key, when the far end takes no events, and when too many wait.
func (s *Session) SendDigit(key byte, d time.Duration) error {
	code, ok := keyCode(key)
	if !ok {
		return fmt.Errorf("rtp: send digit: %q is no telephone key: want 0-9, *, # or A-D", key)
	}
	s.out.Lock()
	defer s.out.Unlock()
	switch {
	case s.closed.Load():
		return fmt.Errorf("rtp: send digit: %w", net.ErrClosed)
	case s.out.params.EventType == 0:
		return errors.New("rtp: send digit: the far end did not agree to telephone events")
	case !s.out.keys.add(keyPress{code: code, hold: media.SamplesIn(max(d, minKey))}):
		return fmt.Errorf("rtp: send digit: %d digits are waiting already", keysHeld)
	}
	return nil
}

// Stats implements media.Leg. Late counts also the packets that the jitter
// buffer had to drop.
func (s *Session) Stats() media.LegStats {
	stats := media.LegStats{Local: s.Local().String()}
	if to := s.to.Load(); to != nil {
		stats.Remote = to.addr.String()
	}
	s.in.Lock()
	s.count()
	s.in.fill(&stats)
	stats.Foreign += s.in.drops.strangers
	gaps := s.in.source.gaps
	if s.in.web != nil {
		s.in.web.fill(&stats)
	}
	s.in.Unlock()

	s.control.fill(&stats)

	s.out.Lock()
	stats.Codec = s.out.params.Codec.String()
	stats.PacketsOut = s.out.sent
	stats.SendDropped = s.out.refused
	stats.OnHold = s.out.applied && !s.out.params.Send
	if s.out.sealer != nil {
		stats.SRTP, stats.Keying = s.out.sealer.Key().Suite().String(), "SDES"
		if s.out.params.Web.used() {
			stats.Keying = "DTLS"
		}
	}
	ptime := s.out.params.Ptime
	s.out.Unlock()

	rate(&stats, gaps, ptime)
	return stats
}

// Drops counts what the session did not take off its sockets' hands.
type Drops struct {
	Kernel uint64 // RTP datagrams the kernel dropped because we read too slowly, before it kept strangers out
	RTCP   uint64 // RTCP datagrams of strangers, or malformed
}

// Drops is a snapshot of the session's drops.
func (s *Session) Drops() Drops {
	s.in.Lock()
	s.count()
	kernel := s.in.drops.full
	s.in.Unlock()
	return Drops{Kernel: kernel, RTCP: s.control.drops()}
}

// Close says goodbye by RTCP, releases the ports and waits until nobody reads
// them. It may be called twice, from any goroutine.
func (s *Session) Close() error {
	s.in.Lock()
	first := !s.closed.Swap(true)
	web := s.in.web
	s.in.Unlock()
	if first {
		close(s.closing)
		s.farewell(time.Now())
	}
	if web != nil {
		web.association.Close()
	}
	s.Drops()    // the last chance to ask the kernel
	s.out.Lock() // what is being sent leaves first: a tick after the end is no refusal
	err := s.port.Close()
	s.out.Unlock()
	s.reading.Wait()
	return err
}
