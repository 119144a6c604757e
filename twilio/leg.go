package twilio

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/twilio/dialect"
	"trunkline/twilio/framing"
)

const (
	// silence is how long a socket may bring nothing: carriers send audio all
	// the time, also of callers who say nothing.
	silence = 30 * time.Second
	// stuck is how long the socket may take nothing of what waits for it.
	stuck = 10 * time.Second
	// unattended is how often the socket is read while no line does that: in
	// the moments before the line begins, and after it.
	unattended = 200 * time.Millisecond
	// nonsense is how many messages that cannot be understood end a stream.
	nonsense = 100
	// mostReads bounds what one tick reads, in rooms of the framing's reader.
	mostReads = 16
)

// Why a stream is over.
var (
	errStopped = errors.New("the carrier ended the stream")
	errBroken  = errors.New("the socket broke off")
	errSilent  = errors.New("the socket brought nothing for too long")
	errStuck   = errors.New("the socket took nothing for too long")
	errFailed  = errors.New("the carrier did not understand us")
	errStrange = errors.New("the socket brought what is no media stream")
	errEnded   = errors.New("we ended the stream")
)

// Leg is the audio of one call over its carrier's socket, a media.Buffered.
//
// Nobody waits for the socket: the line clock's tick takes what has come, in
// Read, and sends what is to go, in Flush, with a system call each that does not
// wait. The lock is held over nothing else.
type Leg struct {
	dialect *dialect.Dialect
	format  dialect.Format
	local   string
	remote  string
	now     func() time.Time
	over    chan struct{} // closed when the stream is; why is good then

	mu      sync.Mutex
	socket  socket
	frames  *framing.Reader
	message dialect.Message
	in      *receiver
	out     *sender
	ticked  bool          // since attend looked
	came    time.Time     // when the socket brought something
	blocked time.Time     // since when the socket takes nothing; zero: it does
	trip    time.Duration // to the carrier and back; 0 before it was measured
	took    uint64        // messages that the socket brought
	full    uint64        // frames that found the outbox full
	ended   bool
	why     error
}

var _ media.Buffered = (*Leg)(nil)

// newLeg makes the leg of a stream that has started, whose socket conn is; frames
// has what was read of it. On an error conn is as it was. attend must be called,
// and Close.
func newLeg(d *dialect.Dialect, conn net.Conn, frames *framing.Reader, start *dialect.Message, now func() time.Time) (*Leg, error) {
	l := &Leg{
		dialect: d, format: start.Format, now: now, frames: frames, over: make(chan struct{}), came: now(),
		local: conn.LocalAddr().String(), remote: conn.RemoteAddr().String(),
	}
	var err error
	if l.in, err = newReceiver(start.Format); err != nil {
		return nil, err
	}
	if l.out, err = newSender(d, start); err != nil {
		return nil, err
	}
	if l.socket, err = takeOver(conn); err != nil {
		return nil, err
	}

	return l, nil
}

// attend waits until the stream is over. While no line reads the socket it
// does, so that the end is seen.
func (l *Leg) attend() {
	t := time.NewTicker(unattended)
	defer t.Stop()
	for {
		select {
		case <-l.over:
			return
		case <-t.C:
		}
		l.mu.Lock()
		if !l.ticked {
			l.receive()
		}
		l.ticked = false
		l.mu.Unlock()
	}
}

// receive takes what the socket has brought, and sends what was left to be
// sent. The lock is held.
func (l *Leg) receive() {
	if l.ended {
		return
	}
	now := l.now()
	for range mostReads {
		room := l.frames.Room()
		n, waited, err := l.socket.receive(room)
		if n > 0 {
			l.came = now
			l.frames.Filled(n)
			if code, why := l.hear(now.Add(-waited)); why != nil {
				l.finish(why, code)

				return
			}
		}
		if err != nil {
			l.finish(fmt.Errorf("%w: %w", errBroken, err), framing.CloseNormal)

			return
		}
		if n < len(room) {
			break
		}
	}
	if now.Sub(l.came) >= silence {
		l.finish(errSilent, framing.CloseNormal)

		return
	}
	l.send(now)
}

// hear takes the messages that have come whole. Its error is why they end the
// stream, and code that of the socket's end.
func (l *Leg) hear(at time.Time) (code int, why error) {
	for {
		kind, data, ok, err := l.frames.Next()
		if err != nil {
			return closeCode(err), fmt.Errorf("%w: %w", errStrange, err)
		}
		if !ok {
			return 0, nil
		}
		switch kind {
		case framing.Text, framing.Binary:
			if code, why = l.understand(kind == framing.Binary, data, at); why != nil {
				return code, why
			}
		case framing.Ping:
			l.out.outbox.pong(data)
		case framing.Close:
			return framing.CloseNormal, l.left(framing.CloseCode(data))
		}
	}
}

// understand takes one message.
func (l *Leg) understand(binary bool, data []byte, at time.Time) (code int, why error) {
	m := &l.message
	err := l.dialect.Read(m, binary, data)
	switch {
	case err != nil:
	case m.Kind == dialect.Stopped:
		return framing.CloseNormal, errStopped
	case m.Kind == dialect.Failed:
		return framing.CloseNormal, fmt.Errorf("%w: %s", errFailed, m.Why)
	}
	l.took++
	if err != nil || !l.in.take(m, at) {
		l.in.malformed++
	}
	if l.in.malformed >= nonsense {
		return framing.ClosePolicy, errStrange
	}

	return 0, nil
}

// left says what a close frame with a code means.
func (l *Leg) left(code int) error {
	if l.dialect.CloseEnds && (code == framing.CloseNormal || code == framing.CloseGoingAway || code == framing.CloseNoCode) {
		return errStopped
	}

	return fmt.Errorf("%w: the far end closed it with the code %d", errBroken, code)
}

// closeCode is the code with which a socket is closed for an error of framing.
func closeCode(err error) int {
	var breach *framing.Error
	if errors.As(err, &breach) {
		return breach.Code
	}

	return framing.ClosePolicy
}

// send has the socket take what waits for it, as far as it does. The lock is
// held.
func (l *Leg) send(now time.Time) {
	o := &l.out.outbox
	if l.ended || len(o.octets) == 0 {
		return
	}
	n, err := l.socket.send(o.octets)
	o.taken(n)
	switch {
	case err != nil:
		l.finish(fmt.Errorf("%w: %w", errBroken, err), framing.CloseNormal)
	case n > 0 || len(o.octets) == 0:
		l.blocked = time.Time{}
	case l.blocked.IsZero():
		l.blocked = now
	case now.Sub(l.blocked) >= stuck:
		l.finish(errStuck, framing.CloseNormal)
	}
}

// finish ends the stream, once, and closes the socket with a code (RFC 6455
// section 7.4.1). The lock is held.
func (l *Leg) finish(why error, code int) {
	if l.ended {
		return
	}
	l.ended, l.why = true, why
	o := &l.out.outbox
	o.forget()
	o.octets = framing.AppendClose(o.octets, code)
	_, _ = l.socket.send(o.octets) // it may be gone, or take nothing
	l.socket.close()
	close(l.over)
}

// end ends the stream for a reason of ours.
func (l *Leg) end(code int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finish(errEnded, code)
}

// Close ends the stream and waits until nobody uses the socket. Carriers go on
// with the call's instructions then.
func (l *Leg) Close() error {
	l.end(framing.CloseNormal)
	l.socket.wait()

	return nil
}

// Read implements media.Leg.
func (l *Leg) Read(f *media.Frame) media.Inbound {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ticked = true
	l.out.tick()
	l.receive()

	return l.in.buffer.Take(f, l.now())
}

// Shift says whether ticks should come a step later (1) or earlier (-1), for
// the carrier's audio to wait less for them. The line asks after Read.
func (l *Leg) Shift(step time.Duration) int {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.in.buffer.Shift(step)
}

// Write implements media.Leg. It reports false when the socket does not keep up
// or is closed. What is written leaves with Flush.
func (l *Leg) Write(f *media.Frame) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || !l.out.push(f, l.now()) {
		l.full++

		return false
	}

	return true
}

// Flush implements media.Buffered.
func (l *Leg) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.send(l.now())
}

// Digit implements media.Leg.
func (l *Leg) Digit() (media.Digit, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.in.keys.next()
}

// Ahead implements media.Buffered: what is written is about 200 ms ahead of
// what is played, whatever the way to the carrier takes.
func (l *Leg) Ahead() int {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.out.ahead()
}

// Mark implements media.Buffered.
func (l *Leg) Mark(m media.Mark) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out.request(m)
}

// Marked implements media.Buffered. Marks of what was dropped do not come.
func (l *Leg) Marked() (media.Mark, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		m, ok := l.in.marks.next()
		if !ok {
			return m, false
		}
		if l.out.returned(m, l.now()) {
			l.trip = l.out.trip

			return m, true
		}
	}
}

// Drop implements media.Buffered. It does not wait for Flush, and nothing that
// was written before reaches the carrier after it.
func (l *Leg) Drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out.drop()
	l.send(l.now())
}

// Stats implements media.Leg. PacketsOut counts messages with audio.
func (l *Leg) Stats() media.LegStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := media.LegStats{
		Codec: l.format.String(), Local: l.local, Remote: l.remote,
		PacketsOut: l.out.outbox.audio, SendDropped: l.full, RTT: l.trip,
	}
	l.in.fill(&s)

	return s
}
