package carrier

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"trunkline/media"
	"trunkline/media/clock"
	"trunkline/media/g711"
)

// Outcome is what a phone does with a call.
type Outcome uint8

// The outcomes of a call.
const (
	Answers   Outcome = iota
	Busy              // 486
	Declines          // 603, which Twilio reports as busy
	RingsOn           // nobody answers
	Fails             // no such number
	Voicemail         // a machine answers
)

// Phone is a telephone of the simulated network.
type Phone struct {
	Rings   time.Duration // before the outcome
	Outcome Outcome
	// AnsweredBy is the verdict of answering machine detection, which comes
	// VerdictAfter the answer; default: human, or machine_start of a Voicemail.
	AnsweredBy   string
	VerdictAfter time.Duration
	// Owner makes who holds the phone: it is ticked once per 20 ms from the
	// answer on and reads from and writes to the line. nil: listens.
	Owner func(l *Line) clock.Ticker
}

func (p *Phone) verdict() string {
	switch {
	case p.AnsweredBy != "":
		return p.AnsweredBy
	case p.Outcome == Voicemail:
		return "machine_start"
	default:
		return "human"
	}
}

// Line is the phone's end of an answered call, a media.Leg: Read gives what
// the phone plays in the 20 ms that begin, Write takes what its owner says.
type Line struct {
	call *Call

	mu      sync.Mutex
	ear     ear     // what the phone hears; nil: nothing
	stream  *stream // that hears the phone; nil: none
	said    media.Frame
	in, out uint64 // frames that carried audio
	first   time.Time
	last    time.Time
}

// listener is an owner who says nothing.
type listener struct {
	line     *Line
	in, none media.Frame
}

// Tick implements clock.Ticker.
func (l *listener) Tick(time.Time) {
	l.line.Read(&l.in)
	l.line.Write(&l.none)
}

// Read implements media.Leg.
func (l *Line) Read(f *media.Frame) media.Inbound {
	l.mu.Lock()
	e := l.ear
	l.mu.Unlock()
	clear(f[:])
	if e == nil || !e.play(f) {
		return media.Inbound{}
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.in++
	l.last = now
	if l.first.IsZero() {
		l.first = now
	}

	return media.Inbound{Kind: media.Received, Arrived: now}
}

// Write implements media.Leg.
func (l *Line) Write(f *media.Frame) bool {
	l.mu.Lock()
	l.said = *f
	l.out++
	s := l.stream
	l.mu.Unlock()
	if s != nil {
		s.speak(f)
	}

	return true
}

// Digit implements media.Leg: no keys come from a carrier.
func (l *Line) Digit() (media.Digit, bool) { return media.Digit{}, false }

// Stats implements media.Leg.
func (l *Line) Stats() media.LegStats {
	l.mu.Lock()
	defer l.mu.Unlock()

	return media.LegStats{
		Codec: g711.PCMU.String(), PacketsIn: l.in, PacketsOut: l.out, FirstPacket: l.first, LastPacket: l.last,
	}
}

// Close hangs up.
func (l *Line) Close() error { return l.Hangup(context.Background(), "") }

// SendDigit presses a key.
func (l *Line) SendDigit(key byte, _ time.Duration) error {
	l.mu.Lock()
	s := l.stream
	l.mu.Unlock()
	l.call.pressed(key)
	if s != nil {
		s.digit(key)
	}

	return nil
}

// Call is the call that the phone is on.
func (l *Line) Call() *Call { return l.call }

// Hangup puts the phone down. It does not wait for the call's end.
func (l *Line) Hangup(context.Context, string) error {
	l.call.end(errPhone)

	return nil
}

// Done is closed when the call is over.
func (l *Line) Done() <-chan struct{} { return l.call.Done() }

// Cause is why it is; ErrFarEnd when the other side ended it.
func (l *Line) Cause() error {
	if cause := context.Cause(l.call.ctx); !errors.Is(cause, errDocumentDone) {
		return cause
	}

	return ErrFarEnd
}

// ErrFarEnd says that the side with the application ended the call.
var ErrFarEnd = errors.New("the far end hung up")

// ear is something that a phone hears.
type ear interface {
	// play fills f with the next 20 ms; it reports whether there are any.
	play(f *media.Frame) bool
}

func (l *Line) hear(e ear) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ear = e
}

// join connects the line with a stream; nil ends that.
func (l *Line) join(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stream, l.ear = s, nil
	if s != nil {
		l.ear = s
	}
}

// clip is recorded speech that a phone hears once.
type clip struct {
	mu    sync.Mutex
	audio []int16
}

func (c *clip) play(f *media.Frame) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := copy(f[:], c.audio)
	c.audio = c.audio[n:]

	return n > 0
}

func (l *Line) saying(f *media.Frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*f = l.said
}

// room is where phones hear each other: the two of a bridged call, or a
// conference.
type room struct {
	mu      sync.Mutex
	members []*Line
	changed chan struct{} // closed and made anew when members come or go
}

func newRoom() *room { return &room{changed: make(chan struct{})} }

func (r *room) enter(l *Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members = append(r.members, l)
	r.tell()
	l.hear(others{r, l})
}

// tell wakes who waits for others; the lock is held.
func (r *room) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *room) leave(l *Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, m := range r.members {
		if m == l {
			r.members = slices.Delete(r.members, i, i+1)
			r.tell()
			l.hear(nil)

			return
		}
	}
}

// others is what one in the room hears.
type others struct {
	room *room
	self *Line
}

// play implements ear.
func (o others) play(f *media.Frame) bool {
	o.room.mu.Lock()
	members := slices.Clone(o.room.members)
	o.room.mu.Unlock()
	heard := false
	var one media.Frame
	for _, m := range members {
		if m == o.self {
			continue
		}
		heard = true
		m.saying(&one)
		for i, s := range one {
			f[i] = int16(max(-32768, min(32767, int(f[i])+int(s))))
		}
	}

	return heard
}
