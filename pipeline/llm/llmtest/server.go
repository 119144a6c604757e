package llmtest

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/prompt"
	"trunkline/pipeline/vendortest"
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

// Last is the latest message, which is made anew unless it is this role's.
func (a *Asked) Last(r pipeline.Role) *pipeline.Message {
	if n := len(a.History); n == 0 || a.History[n-1].Role != r {
		a.History = append(a.History, pipeline.Message{Role: r})
	}

	return &a.History[len(a.History)-1]
}

// Heard notes what a side has said, and of the agent whether it was cut off.
func (a *Asked) Heard(r pipeline.Role, text string) {
	m := pipeline.Message{Role: r, Text: text}
	if r == pipeline.Agent {
		m.Text, m.Cut = strings.CutSuffix(text, " "+prompt.Cut)
	}
	a.History = append(a.History, m)
}

// Unpad takes out what a protocol wants whose roles alternate: a caller who is
// first, and one who asks the agent to go on.
func (a *Asked) Unpad() {
	n := len(a.History)
	if n > 1 && a.History[n-1].Text == prompt.Continue {
		a.Said, a.History = a.History[n-2].Text, a.History[:n-2]
	}
	if len(a.History) > 0 && a.History[0].Text == "(nothing was said)" {
		a.History = a.History[1:]
	}
}

// A Vendor is a server of one vendor's protocol.
type Vendor interface {
	http.Handler
	// Script is where the suite says what happens.
	Script() *Script
}

// Script is what happens at a server, request after request.
type Script = vendortest.Script[Reply, Asked]

// NewScript makes a Script in which nothing happens yet.
func NewScript() *Script { return vendortest.NewScript[Reply, Asked]() }

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
