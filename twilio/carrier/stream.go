package carrier

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/media/g711"
)

const (
	handshakeTime = 5 * time.Second
	closeTime     = 2 * time.Second // for the application to close after stop
	writeTime     = 5 * time.Second
	outbox        = 512 // messages on their way to the application
)

// streamError is a failure that Twilio has a code for.
type streamError struct {
	code int
	text string
}

func (e *streamError) Error() string { return strconv.Itoa(e.code) + ": " + e.text }

// stream is a bidirectional media stream, the carrier's side.
type stream struct {
	call    *Call
	sid     string
	address string
	name    string
	params  map[string]string
	status  string // callback; empty: none
	method  string
	began   time.Time
	out     chan parcel
	in      chan arrival
	closing chan struct{} // closed when nothing more is to be sent

	mu       sync.Mutex
	playing  playback
	sequence int // of messages
	chunk    int // of media
	frame    [frameSize]byte
	live     bool // between start and stop
	dropped  int  // messages that found no place in out
}

// parcel is a message and when it arrives at the application.
type parcel struct {
	due  time.Time
	text []byte
}

// arrival is a message of the application and when it arrives here; an error
// is the connection's end.
type arrival struct {
	due     time.Time
	message message
	err     error
}

func newStream(c *Call, v *verb) *stream {
	s := &stream{
		call: c, sid: sid("MZ"), address: v.attr("url"), name: v.attr("name"), params: map[string]string{},
		method: v.method("statusCallbackMethod"), out: make(chan parcel, outbox), in: make(chan arrival, outbox), closing: make(chan struct{}),
	}
	if a := v.attr("statusCallback"); a != "" {
		s.status = c.resolve(a)
	}
	for i := range v.Children {
		p := &v.Children[i]
		s.params[p.attr("name")] = p.attr("value")
		if c.c.o.Trouble.Stream.WrongToken {
			s.params[p.attr("name")] += "x"
		}
	}

	return s
}

// run connects and carries the call's audio until the application, the call
// or trouble ends that.
func (s *stream) run(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		s.failed(err)

		return err
	}
	s.call.note("stream", s.sid)
	err = s.carry(ctx, conn)
	s.call.line.join(nil)
	if err != nil {
		s.failed(err)
	} else {
		s.tell("stream-stopped", "")
	}

	return err
}

// failed raises the alert of an error and tells it.
func (s *stream) failed(err error) {
	var e *streamError
	if !errors.As(err, &e) {
		return // the call ended meanwhile
	}
	s.call.c.alertf(s.call.SID, e.code, "%s", e.text)
	s.tell("stream-error", e.Error())
}

// connect opens the WebSocket.
func (s *stream) connect(ctx context.Context) (*websocket.Conn, error) {
	u, err := url.Parse(s.address)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "":
		return nil, &streamError{codeStreamURL, fmt.Sprintf("%q is no URL of a stream", s.address)}
	case u.Scheme != "wss":
		return nil, &streamError{codeStreamScheme, fmt.Sprintf("%q is not wss", s.address)}
	}
	for name, value := range s.params {
		if len(name)+len(value) >= 500 {
			return nil, &streamError{codeStreamURL, fmt.Sprintf("parameter %q is too long", name)}
		}
	}
	token := s.call.c.o.AuthToken
	if s.call.c.o.Trouble.Stream.WrongSignature {
		token += "x"
	}
	header := http.Header{"X-Twilio-Signature": {signature(token, u.String(), nil)}, "X-Forwarded-Proto": {"https"}, "Host": {u.Host}}
	plain := *u
	plain.Scheme = "ws"
	conn, answer, err := s.call.c.dialer.DialContext(ctx, plain.String(), header)
	if answer != nil {
		_ = answer.Body.Close()
	}
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case answer != nil:
		return nil, &streamError{codeHandshake, "the handshake was answered with " + answer.Status}
	default:
		return nil, &streamError{codeStreamTimeout, err.Error()}
	}
}

// carry runs the stream.
func (s *stream) carry(ctx context.Context, conn *websocket.Conn) error {
	var running sync.WaitGroup
	defer running.Wait()
	defer conn.Close()
	var over error // why done is closed
	done := make(chan struct{})
	running.Go(func() { s.receive(conn) })
	running.Go(func() {
		defer close(done)
		over = s.work()
	})
	running.Go(func() { s.deliver(conn) })
	defer close(s.closing)
	trouble := &s.call.c.o.Trouble.Stream
	s.start(trouble.NoStart)
	if !trouble.NoStart {
		s.tell("stream-started", "")
	}
	cut := (<-chan time.Time)(nil)
	if trouble.CutAfter > 0 {
		t := time.NewTimer(trouble.CutAfter)
		defer t.Stop()
		cut = t.C
	}
	select {
	case <-done:
		s.quiet()

		return over
	case <-cut:
		s.quiet()

		return &streamError{codeStreamClosed, "the connection broke"}
	case <-ctx.Done():
	}
	s.quiet()
	if trouble.NeverStop {
		select {
		case <-done: // the application closed
		case <-s.call.c.ctx.Done():
		}

		return nil
	}
	s.stop(trouble.AfterStop)
	wait := time.NewTimer(closeTime)
	defer wait.Stop()
	select {
	case <-done:
	case <-wait.C:
	}
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(writeTime)) // the far end may be gone

	return nil
}

// start sends the first messages and joins the call's phone.
func (s *stream) start(nothing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began = time.Now()
	if nothing {
		return
	}
	s.send([]byte(`{"event":"connected","protocol":"Call","version":"1.0.0"}`))
	params, _ := json.Marshal(s.params) //nolint:errchkjson // strings cannot fail
	s.sequence = 1
	s.send(fmt.Appendf(nil, `{"event":"start","sequenceNumber":"1","start":{"accountSid":%q,"streamSid":%q,"callSid":%q,"tracks":["inbound"],`+
		`"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":%s},"streamSid":%q}`,
		s.call.c.o.AccountSID, s.sid, s.call.SID, params, s.sid))
	s.live = true
	s.call.line.join(s)
}

// quiet ends the audio.
func (s *stream) quiet() {
	s.call.line.join(nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = false
}

// stop sends the last message, and what must not follow it.
func (s *stream) stop(after int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sequence++
	s.send(fmt.Appendf(nil, `{"event":"stop","sequenceNumber":"%d","streamSid":%q,"stop":{"accountSid":%q,"callSid":%q}}`,
		s.sequence, s.sid, s.call.c.o.AccountSID, s.call.SID))
	var silence media.Frame
	for range after {
		s.sendMedia(&silence)
	}
}

// send puts a message on its way; the lock is held.
func (s *stream) send(text []byte) {
	select {
	case s.out <- parcel{due: s.due(), text: text}:
	default:
		s.dropped++
	}
}

// deliver writes the messages when they are due, in order.
func (s *stream) deliver(conn *websocket.Conn) {
	for {
		select {
		case p := <-s.out:
			if wait := time.Until(p.due); wait > 0 {
				time.Sleep(wait)
			}
			_ = conn.SetWriteDeadline(time.Now().Add(writeTime))
			if conn.WriteMessage(websocket.TextMessage, p.text) != nil {
				return // the reader sees it too
			}
		case <-s.closing:
			return
		}
	}
}

// speak sends what the phone says.
func (s *stream) speak(f *media.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live {
		s.sendMedia(f)
	}
}

func (s *stream) sendMedia(f *media.Frame) {
	s.sequence++
	s.chunk++
	var audio [frameSize]byte
	g711.PCMU.Encode(audio[:], f[:])
	b := make([]byte, 0, 384)
	b = append(b, `{"event":"media","sequenceNumber":"`...)
	b = strconv.AppendInt(b, int64(s.sequence), 10)
	b = append(b, `","media":{"track":"inbound","chunk":"`...)
	b = strconv.AppendInt(b, int64(s.chunk), 10)
	b = append(b, `","timestamp":"`...)
	b = strconv.AppendInt(b, time.Since(s.began).Milliseconds(), 10)
	b = append(b, `","payload":"`...)
	b = base64.StdEncoding.AppendEncode(b, audio[:])
	b = append(b, `"},"streamSid":"`...)
	b = append(b, s.sid...)
	b = append(b, `"}`...)
	s.send(b)
}

// digit sends a key.
func (s *stream) digit(key byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live {
		return
	}
	s.sequence++
	s.send(fmt.Appendf(nil, `{"event":"dtmf","streamSid":%q,"sequenceNumber":"%d","dtmf":{"track":"inbound_track","digit":"%c"}}`,
		s.sid, s.sequence, key))
}

// play implements ear: it gives the phone what the application sent.
func (s *stream) play(f *media.Frame) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, marks := s.playing.next(&s.frame)
	s.returned(marks)
	g711.PCMU.Decode(f[:n], s.frame[:n])

	return n > 0
}

// returned sends marks back; the lock is held.
func (s *stream) returned(marks []mark) {
	if s.call.c.o.Trouble.Stream.LoseMarks || !s.live {
		return
	}
	for _, m := range marks {
		s.sequence++
		name, _ := json.Marshal(m.name) //nolint:errchkjson // a string cannot fail
		s.send(fmt.Appendf(nil, `{"event":"mark","sequenceNumber":"%d","streamSid":%q,"mark":{"name":%s}}`, s.sequence, s.sid, name))
	}
}

// message is one of the application's.
type message struct {
	Event     string `json:"event"`
	StreamSID string `json:"streamSid"`
	Media     struct {
		Payload string `json:"payload"`
	} `json:"media"`
	Mark struct {
		Name string `json:"name"`
	} `json:"mark"`
}

// receive takes the application's messages until the connection ends.
func (s *stream) receive(conn *websocket.Conn) {
	for {
		a := arrival{}
		kind, text, err := conn.ReadMessage()
		switch {
		case err != nil:
			a.err = &streamError{codeStreamClosed, err.Error()}
			if websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived) {
				a.err = errClosed
			}
		case kind != websocket.TextMessage:
			a.err = &streamError{codeStreamMessage, "a binary message"}
		default:
			if err := json.Unmarshal(text, &a.message); err != nil {
				a.err = &streamError{codeStreamMessage, err.Error()}
			}
		}
		a.due = s.due()
		select {
		case s.in <- a:
		case <-s.closing:
			return
		}
		if a.err != nil {
			return
		}
	}
}

// errClosed says that the application closed the stream as it should.
var errClosed = errors.New("the application closed the stream")

// work carries the application's messages out when they are due. The error is
// nil when the application closed the stream.
func (s *stream) work() error {
	for {
		select {
		case a := <-s.in:
			if wait := time.Until(a.due); wait > 0 {
				time.Sleep(wait)
			}
			if a.err == nil {
				a.err = s.take(&a.message)
			}
			if errors.Is(a.err, errClosed) {
				return nil
			}
			if a.err != nil {
				return a.err
			}
		case <-s.closing:
			return nil
		}
	}
}

// due is when a message that leaves now arrives.
func (s *stream) due() time.Time {
	return time.Now().Add(s.call.c.o.Delay + s.call.c.within(s.call.c.o.Jitter))
}

// take carries out one of the application's messages.
func (s *stream) take(m *message) error {
	if m.StreamSID != s.sid {
		s.call.c.alertf(s.call.SID, codeStreamMessage, "%s for stream %q, which is not this one", m.Event, m.StreamSID)

		return nil
	}
	if m.Event == "clear" {
		s.call.note("clear", s.sid)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m.Event {
	case "media":
		audio, err := base64.StdEncoding.DecodeString(m.Media.Payload)
		if err != nil {
			return &streamError{codeStreamMessage, err.Error()}
		}
		if !s.playing.media(audio) {
			return &streamError{codeStreamMessage, "more than an hour of audio waits to be played"}
		}
	case "mark":
		if s.playing.mark(m.Mark.Name) {
			s.returned([]mark{{name: m.Mark.Name}})
		}
	case "clear":
		s.returned(s.playing.clear())
	default:
		return &streamError{codeStreamMessage, fmt.Sprintf("event %q", m.Event)}
	}

	return nil
}

// tell posts a stream-status callback.
func (s *stream) tell(event, failure string) {
	if s.status == "" {
		return
	}
	c := s.call.c
	form := url.Values{
		"AccountSid": {c.o.AccountSID}, "CallSid": {s.call.SID}, "StreamSid": {s.sid}, "StreamName": {s.name},
		"StreamEvent": {event}, "Timestamp": {time.Now().UTC().Format(time.RFC3339)},
	}
	if failure != "" {
		form.Set("StreamError", failure)
	}
	c.work.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), callbackTime)
		defer cancel()
		if _, _, p := c.request(ctx, s.method, s.status, form); p != nil {
			c.alertf(s.call.SID, p.code, "stream callback: %s", p.text)
		}
	})
}
