package twilio

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/twilio/dialect"
)

const (
	// silence is how long a socket may bring nothing: carriers send audio all
	// the time, also of callers who say nothing.
	silence = 30 * time.Second
	// stuck is how long the socket may take for one message.
	stuck = 10 * time.Second
	// farewell is how long the carrier is given to take the close frame.
	farewell = 250 * time.Millisecond
	// nonsense is how many messages that cannot be understood end a stream.
	nonsense = 100
)

// Why a stream is over.
var (
	errStopped = errors.New("the carrier ended the stream")
	errBroken  = errors.New("the socket broke off")
	errSilent  = errors.New("the socket brought nothing for too long")
	errFailed  = errors.New("the carrier did not understand us")
	errStrange = errors.New("the socket brought what is no media stream")
)

// Leg is the audio of one call over its carrier's socket, a media.Buffered.
//
// Two goroutines serve the socket: the one that opened it reads until the
// stream ends, another writes what waits in a bounded queue. The line clock's
// goroutine touches neither the socket nor a lock that is held over it.
type Leg struct {
	dialect *dialect.Dialect
	format  dialect.Format
	conn    *websocket.Conn
	now     func() time.Time

	in struct {
		sync.Mutex
		*receiver
	}
	out  *sender
	sent atomic.Uint64 // messages with audio that left
	took atomic.Uint64 // messages that the socket brought
	trip atomic.Int64  // the sender's, for Stats
	full atomic.Uint64 // frames that found the queue full

	ending  sync.Once
	closed  atomic.Bool
	reading chan struct{} // closed when nobody reads the socket any more
	writing chan struct{} // closed when nobody writes to it any more
	why     error         // good once reading is closed
}

var _ media.Buffered = (*Leg)(nil)

// newLeg makes the leg of a stream that has started. listen must be called, and
// Close.
func newLeg(d *dialect.Dialect, conn *websocket.Conn, start *dialect.Message, now func() time.Time) (*Leg, error) {
	l := &Leg{dialect: d, format: start.Format, conn: conn, now: now, reading: make(chan struct{}), writing: make(chan struct{})}
	var err error
	if l.in.receiver, err = newReceiver(start.Format); err != nil {
		return nil, err
	}
	if l.out, err = newSender(d, start); err != nil {
		return nil, err
	}
	go l.speak()

	return l, nil
}

// listen reads the socket until the stream is over, with a buffer that it may
// keep, and then closes the socket.
func (l *Leg) listen(buf []byte) {
	defer close(l.reading)
	var m dialect.Message
	l.why = l.hear(&m, buf)
	l.end(websocket.CloseNormalClosure)
}

// hear takes messages until one ends the stream, and says why.
func (l *Leg) hear(m *dialect.Message, buf []byte) error {
	for {
		binary, data, err := read(l.conn, buf, silence)
		if err != nil {
			return l.lost(err)
		}
		buf = data[:0]
		at := l.now()
		err = l.dialect.Read(m, binary, data)
		switch {
		case err != nil:
		case m.Kind == dialect.Stopped:
			return errStopped
		case m.Kind == dialect.Failed:
			return fmt.Errorf("%w: %s", errFailed, m.Why)
		}
		l.in.Lock()
		if err != nil || !l.in.take(m, at) {
			l.in.malformed++
		}
		strange := l.in.malformed >= nonsense
		l.in.Unlock()
		l.took.Add(1)
		if strange {
			l.end(websocket.ClosePolicyViolation)

			return errStrange
		}
	}
}

// lost says why the socket cannot be read.
func (l *Leg) lost(err error) error {
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return errSilent
	case errors.Is(err, websocket.ErrReadLimit):
		return fmt.Errorf("%w: a message of more than %d octets", errStrange, dialect.MaxMessage)
	case l.dialect.CloseEnds && websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived):
		return errStopped
	}

	return fmt.Errorf("%w: %w", errBroken, err)
}

// read takes one whole message off a socket into buf, which grows as needed.
// It fails when none has begun within so long, or is longer than the read
// limit.
func read(conn *websocket.Conn, buf []byte, within time.Duration) (binary bool, data []byte, err error) {
	if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return false, nil, err
	}
	kind, r, err := conn.NextReader()
	if err != nil {
		return false, nil, err
	}
	data = buf[:0]
	for {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if errors.Is(err, io.EOF) {
			return kind == websocket.BinaryMessage, data, nil
		}
		if err != nil {
			return false, nil, err
		}
	}
}

// speak writes what waits in the queue until that is closed or the socket
// breaks.
func (l *Leg) speak() {
	defer close(l.writing)
	var p parcel
	for range l.out.queue.ready {
		if l.drain(&p) != nil {
			l.conn.Close() // the reader will say so

			return
		}
	}
}

// drain writes all that waits, by way of p.
func (l *Leg) drain(p *parcel) error {
	g, gathers := l.conn.NetConn().(*gathering)
	if gathers {
		g.hold()
	}
	for l.out.queue.take(p) {
		kind := websocket.TextMessage
		if p.binary {
			kind = websocket.BinaryMessage
		}
		if err := l.conn.SetWriteDeadline(time.Now().Add(stuck)); err != nil {
			return err
		}
		if err := l.conn.WriteMessage(kind, p.data); err != nil {
			return err
		}
		if p.audio {
			l.sent.Add(1)
		}
	}
	if gathers {
		return g.release()
	}

	return nil
}

// end closes the socket with a code (RFC 6455 section 7.4.1), once.
func (l *Leg) end(code int) {
	l.ending.Do(func() {
		l.closed.Store(true)
		l.out.queue.close()
		_ = l.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(farewell)) // it may be gone
		if g, gathers := l.conn.NetConn().(*gathering); gathers {
			_ = g.release() // so it may
		}
		l.conn.Close()
	})
}

// Close ends the stream and waits until nobody uses the socket. Carriers go on
// with the call's instructions then.
func (l *Leg) Close() error {
	l.end(websocket.CloseNormalClosure)
	<-l.reading
	<-l.writing

	return nil
}

// Read implements media.Leg.
func (l *Leg) Read(f *media.Frame) media.Inbound {
	l.out.tick()
	now := l.now()
	l.in.Lock()
	defer l.in.Unlock()

	return l.in.buffer.Take(f, now)
}

// Shift says whether ticks should come a step later (1) or earlier (-1), for
// the carrier's audio to wait less for them. The line asks after Read.
func (l *Leg) Shift(step time.Duration) int {
	l.in.Lock()
	defer l.in.Unlock()

	return l.in.buffer.Shift(step)
}

// Write implements media.Leg. It reports false when the socket does not keep up
// or is closed.
func (l *Leg) Write(f *media.Frame) bool {
	if !l.out.push(f, l.now()) {
		l.full.Add(1)

		return false
	}

	return true
}

// Digit implements media.Leg.
func (l *Leg) Digit() (media.Digit, bool) {
	l.in.Lock()
	defer l.in.Unlock()

	return l.in.keys.next()
}

// Ahead implements media.Buffered: what is written is about 200 ms ahead of
// what is played, whatever the way to the carrier takes.
func (l *Leg) Ahead() int { return l.out.ahead() }

// Mark implements media.Buffered.
func (l *Leg) Mark(m media.Mark) { l.out.request(m) }

// Marked implements media.Buffered. Marks of what was dropped do not come.
func (l *Leg) Marked() (media.Mark, bool) {
	for {
		l.in.Lock()
		m, ok := l.in.marks.next()
		l.in.Unlock()
		if !ok {
			return m, false
		}
		if l.out.returned(m, l.now()) {
			l.trip.Store(int64(l.out.trip))

			return m, true
		}
	}
}

// Drop implements media.Buffered. Nothing that was written before reaches the
// carrier after this.
func (l *Leg) Drop() { l.out.drop() }

// Stats implements media.Leg. PacketsOut counts messages with audio.
func (l *Leg) Stats() media.LegStats {
	s := media.LegStats{
		Codec: l.format.String(), Local: l.conn.LocalAddr().String(), Remote: l.conn.RemoteAddr().String(),
		PacketsOut: l.sent.Load(), SendDropped: l.full.Load(), RTT: time.Duration(l.trip.Load()),
	}
	l.in.Lock()
	defer l.in.Unlock()
	l.in.fill(&s)

	return s
}
