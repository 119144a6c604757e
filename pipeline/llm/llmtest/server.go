package llmtest

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"trunkline/pipeline"
)

// Reply is what a server does with a request.
type Reply struct {
	Text       []string // in chunks
	Calls      []pipeline.ToolCall
	Usage      *pipeline.Usage
	FirstToken time.Duration
	Between    time.Duration // the chunks

	Status     int           // other than 200: the request is refused with it
	Code       string        // the error's code
	RetryAfter time.Duration // told with it

	// After the text, in place of the proper end:
	Hang  bool   // nothing more comes
	Cut   bool   // the connection breaks
	Junk  bool   // an event comes that the protocol does not know how to read
	Error string // an error of this code comes as an event
}

// Asked is a request as the server understood it.
type Asked struct {
	pipeline.Request

	Model string
}

// A Vendor is a server of one vendor's protocol.
type Vendor interface {
	http.Handler
	// Script is where the suite says what happens.
	Script() *Script
}

// Script is what happens at a server, request after request.
type Script struct {
	mu      sync.Mutex
	replies []Reply
	asked   []Asked
	gone    chan struct{}
}

// NewScript makes a Script in which nothing happens yet.
func NewScript() *Script { return &Script{gone: make(chan struct{}, 1024)} }

// Say sets the replies to the next requests; the last one stays.
func (s *Script) Say(replies ...Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replies = replies
}

// Take notes a request and gives the reply to it.
func (s *Script) Take(a Asked) Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, a)
	if len(s.replies) == 0 {
		return Reply{}
	}
	r := s.replies[0]
	if len(s.replies) > 1 {
		s.replies = s.replies[1:]
	}

	return r
}

// Asked gives the requests so far.
func (s *Script) Asked() []Asked {
	s.mu.Lock()
	defer s.mu.Unlock()

	return append([]Asked(nil), s.asked...)
}

// Left notes that the client left a stream that was not at its end.
func (s *Script) Left() { s.gone <- struct{}{} }

// Gone receives once for each stream that the client left.
func (s *Script) Gone() <-chan struct{} { return s.gone }

// Stream writes a reply as server-sent events. Each of the functions gives one
// event.
type Stream struct {
	Text  func(n int, text string) []byte
	Calls func(n int, c pipeline.ToolCall) [][]byte
	End   func(u *pipeline.Usage) [][]byte
	Error func(code string) []byte
	Begin func() [][]byte // nil: the stream begins with the text
}

// Serve writes the reply, and its failure.
func (st *Stream) Serve(w http.ResponseWriter, r *http.Request, s *Script, reply *Reply) {
	flush := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	_ = flush.Flush()
	send := func(events ...[]byte) bool {
		for _, e := range events {
			if _, err := w.Write(append(e, "\n\n"...)); err != nil {
				s.Left()

				return false
			}
			_ = flush.Flush() // the next write tells
		}

		return true
	}
	wait := func(d time.Duration) bool {
		if d == 0 {
			return true
		}
		select {
		case <-time.After(d):
			return true
		case <-r.Context().Done():
			s.Left()

			return false
		}
	}
	if !wait(reply.FirstToken) || st.Begin != nil && !send(st.Begin()...) {
		return
	}
	for i, text := range reply.Text {
		if i > 0 && !wait(reply.Between) {
			return
		}
		if !send(st.Text(i, text)) {
			return
		}
	}
	switch {
	case reply.Hang:
		<-r.Context().Done()
		s.Left()

		return
	case reply.Cut:
		panic(http.ErrAbortHandler)
	case reply.Junk:
		send([]byte("data: {\"choices\": 12, \"type\": [}"))

		return
	case reply.Error != "":
		send(st.Error(reply.Error))

		return
	}
	for i, c := range reply.Calls {
		if !send(st.Calls(i, c)...) {
			return
		}
	}
	send(st.End(reply.Usage)...)
}

// Data is an event of JSON. A name of "" leaves the event's name out.
func Data(name string, doc any) []byte {
	raw, err := json.Marshal(doc)
	if err != nil {
		panic(err) // the servers' own documents
	}
	e := []byte("data: " + string(raw))
	if name != "" {
		e = append([]byte("event: "+name+"\n"), e...)
	}

	return e
}
