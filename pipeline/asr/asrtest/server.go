package asrtest

import (
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/pipeline/vendortest"
)

// Reply is what a server does with a talkspurt.
type Reply struct {
	Partials  []string      // all words so far, one after each 100 ms of audio
	Final     string        // all words
	EndOfTurn bool          // the server believes that the turn is over, after the partials
	Delay     time.Duration // from the end of the talkspurt to its last words

	Status     int           // other than 0: the connection is refused with it
	Code       string        // the error's code
	RetryAfter time.Duration // told with it

	// After the first partial, in place of the rest:
	Cut   bool   // the connection breaks
	Junk  bool   // something comes that the protocol does not know
	Error string // an error of this code comes
	Hang  bool   // nothing more comes
}

// Fails tells whether the reply ends early.
func (r *Reply) Fails() bool { return r.Hang || r.Cut || r.Junk || r.Error != "" }

// A Vendor is a server of one vendor's protocol.
type Vendor interface {
	http.Handler
	// Script is where the suite says what happens.
	Script() *Script
	// Has says what the protocol can do.
	Has() Abilities
}

// Abilities differ between protocols.
type Abilities struct {
	EndOfTurn bool          // the server judges ends of turns
	KeepAlive bool          // a silent connection has to be kept alive
	Padding   time.Duration // of silence that may come after a talkspurt's audio

	Lull  bool // it is asked for the last words in a lull, and again where the caller goes on: each part takes a reply
	Late  bool // it refuses when the first talkspurt comes, not before
	Batch bool // it takes a talkspurt whole, at its end: there are no partial words
}

// Script is what happens at a server, talkspurt after talkspurt.
type Script struct {
	mu      sync.Mutex
	replies []Reply
	heard   [][]byte
	alive   int
	left    int
}

// NewScript makes a Script in which nothing happens yet.
func NewScript() *Script { return &Script{} }

// Say sets the replies to the next talkspurts; the last one stays.
func (s *Script) Say(replies ...Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replies = replies
}

// Heard gives the audio of the talkspurts that are over.
func (s *Script) Heard() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()

	return append([][]byte(nil), s.heard...)
}

// Alive counts the messages that kept a connection alive.
func (s *Script) Alive() int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.alive
}

// Left counts the connections that have ended.
func (s *Script) Left() int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.left
}

// Accept opens a WebSocket, or refuses as the script says. failure makes the
// vendor's document of an error's code.
func (s *Script) Accept(w http.ResponseWriter, r *http.Request, failure func(code string) any) *websocket.Conn {
	s.mu.Lock()
	var no Reply
	if len(s.replies) > 0 {
		no = s.replies[0]
	}
	s.mu.Unlock()
	if no.Status != 0 {
		vendortest.RetryAfter(w, no.RetryAfter)
		vendortest.Answer(w, no.Status, failure(no.Code))

		return nil
	}
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return nil
	}

	return conn
}

// Take is the reply to the talkspurt that begins.
func (s *Script) Take() Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.replies) == 0 {
		return Reply{}
	}
	r := s.replies[0]
	if len(s.replies) > 1 {
		s.replies = s.replies[1:]
	}

	return r
}

// Hear notes the audio of a talkspurt that is over.
func (s *Script) Hear(octets []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, octets)
}

// Leave notes a connection, or a stream within one, that has ended.
func (s *Script) Leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left++
}

// Span is where in the audio of a connection words were said.
type Span struct{ From, Until time.Duration }

// Wire is how a vendor's server says things.
type Wire struct {
	Partial func(text string, at Span) any
	Final   func(text string, at Span) []any
	Ended   func(text string, at Span) any // the server's own end of a turn; nil: it has none
	Error   func(code string) any
}

// Session is one connection at a server.
type Session struct {
	script *Script
	conn   *websocket.Conn
	wire   *Wire

	mu       sync.Mutex // orders writes
	running  bool
	reply    Reply
	octets   []byte
	before   media.Samples // audio of the connection before octets
	partials int
	last     chan struct{} // closed when the talkspurt before has its last words
}

// NewSession serves a connection.
func NewSession(s *Script, conn *websocket.Conn, w *Wire) *Session {
	none := make(chan struct{})
	close(none)

	return &Session{script: s, conn: conn, wire: w, last: none}
}

// Send writes a message.
func (s *Session) Send(v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.conn.WriteJSON(v) // the reader sees the end
}

// KeptAlive notes a message that keeps the connection alive.
func (s *Session) KeptAlive() {
	s.script.mu.Lock()
	defer s.script.mu.Unlock()
	s.script.alive++
}

// Close ends the connection.
func (s *Session) Close() {
	<-s.last
	s.conn.Close()
	s.script.Leave()
}

// Audio takes audio of the running talkspurt.
func (s *Session) Audio(octets []byte) {
	if !s.running {
		s.before += media.Samples(len(s.octets))
		s.running, s.partials, s.octets = true, 0, nil
		s.reply = s.script.Take()
	}
	s.octets = append(s.octets, octets...)
	r := &s.reply
	for s.partials < len(r.Partials) && len(s.octets) >= (s.partials+1)*media.SampleRate/10 {
		if s.partials == 1 && r.Fails() {
			s.fail()

			return
		}
		s.Send(s.wire.Partial(r.Partials[s.partials], s.span()))
		s.partials++
		if s.partials == len(r.Partials) && r.EndOfTurn && s.wire.Ended != nil {
			s.Send(s.wire.Ended(r.Final, s.span()))
		}
	}
}

// span is where the words so far were said.
func (s *Session) span() Span {
	return Span{s.before.Duration(), (s.before + media.Samples(len(s.octets))).Duration()}
}

func (s *Session) fail() {
	switch r := &s.reply; {
	case r.Cut:
		_ = s.conn.NetConn().Close()
	case r.Junk:
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = s.conn.WriteMessage(websocket.TextMessage, []byte(`{"type": [}`))
	case r.Error != "":
		s.Send(s.wire.Error(r.Error))
	}
}

// Flush ends the talkspurt.
func (s *Session) Flush() {
	if !s.running {
		return
	}
	s.running = false
	s.script.Hear(s.octets)
	r := s.reply
	if r.Fails() || r.EndOfTurn && s.wire.Ended != nil {
		return // all was said
	}
	before, done, at := s.last, make(chan struct{}), s.span()
	s.last = done
	go func() { // Close waits for it
		defer close(done)
		time.Sleep(r.Delay)
		<-before
		for _, m := range s.wire.Final(r.Final, at) {
			s.Send(m)
		}
	}()
}
