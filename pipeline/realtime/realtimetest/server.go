package realtimetest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/pipeline/vendortest"
)

// Reply is what the model does when a response is asked for.
type Reply struct {
	Text  string        // its words; 300 ms of audio each
	Calls []Call        // after them
	Delay time.Duration // before its first event

	Refuse string // the request is refused with an error of this code
	Fail   string // the response fails with this code, after half of the audio
	Cut    bool   // the connection breaks there
	Expire bool   // the session expires there
	Junk   bool   // something comes there that is no JSON
	Hang   bool   // nothing more comes
}

// Call is the wish for a tool.
type Call struct{ ID, Name, Args string }

// Server holds sessions.
type Server struct {
	// WordsAfter is how long the transcription of the caller's words takes.
	WordsAfter time.Duration

	mu       sync.Mutex
	replies  []Reply
	heard    []string // what the caller says, talkspurt by talkspurt
	sessions []*Session
	status   int
}

// New makes a Server whose caller says some talkspurts.
func New(heard ...string) *Server { return &Server{heard: heard} }

// Say sets what happens at the next responses; the last one stays.
func (s *Server) Say(replies ...Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replies = replies
}

// Refuse has new sessions refused with an HTTP status; 0: none.
func (s *Server) Refuse(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

// Sessions are those that were opened so far.
func (s *Server) Sessions() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()

	return slices.Clone(s.sessions)
}

// Item is a part of the conversation as the server knows it.
type Item struct {
	ID, Role, Text string
	MS             int // of audio, of the model's words
	Truncated      bool
}

// Session is one connection.
type Session struct {
	server *Server
	conn   *websocket.Conn
	work   sync.WaitGroup

	mu        sync.Mutex
	events    []map[string]any // of the client, in order; audio is left out
	items     []*Item
	audio     int // octets in the buffer
	total     int // octets in all
	loud      int // octets of speech since the server heard any
	quiet     int
	talks     bool
	detection string
	typed     bool   // it answers with text
	active    string // the response that is made
	stop      chan struct{}
	numbers   int
	over      bool
	ended     chan struct{} // closed when it is over
}

// ServeHTTP opens a session.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	status := s.status
	s.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer "+vendortest.Key:
		status = http.StatusUnauthorized
	case r.URL.Path == "/models":
		return // the key is good
	case r.URL.Path != "/realtime":
		status = http.StatusNotFound
	case r.URL.Query().Get("model") == "":
		status = http.StatusBadRequest
	}
	if status != 0 {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"message":"no: Bearer %s","code":"refused"}}`, vendortest.Key)

		return
	}
	var up websocket.Upgrader
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	n := &Session{server: s, conn: conn, ended: make(chan struct{})}
	s.mu.Lock()
	s.sessions = append(s.sessions, n)
	s.mu.Unlock()
	n.serve()
}

type object = map[string]any

func (n *Session) serve() {
	defer n.work.Wait()
	defer n.conn.Close()
	defer n.halt()
	n.send(object{"type": "session.created"})
	for {
		_, data, err := n.conn.ReadMessage()
		if err != nil {
			return
		}
		var e object
		if json.Unmarshal(data, &e) != nil {
			n.failure("invalid_json", "")

			continue
		}
		n.take(e)
	}
}

func (n *Session) halt() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.over = true
	close(n.ended)
	if n.stop != nil {
		close(n.stop)
		n.stop = nil
	}
}

// Events are the types of what the client sent, audio left out.
func (n *Session) Events() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []string
	for _, e := range n.events {
		all = append(all, str(e, "type"))
	}

	return all
}

// Sent are the client's events of a type.
func (n *Session) Sent(kind string) []map[string]any {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []map[string]any
	for _, e := range n.events {
		if e["type"] == kind {
			all = append(all, e)
		}
	}

	return all
}

// Items is the conversation so far.
func (n *Session) Items() []Item {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []Item
	for _, i := range n.items {
		all = append(all, *i)
	}

	return all
}

// Audio is how much the client has sent.
func (n *Session) Audio() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()

	return media.Samples(n.total).Duration()
}

// send writes an event. The caller must not hold mu.
func (n *Session) send(o object) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.write(o)
}

func (n *Session) write(o object) {
	n.numbers++
	o["event_id"] = "event_" + strconv.Itoa(n.numbers)
	_ = n.conn.WriteJSON(o) // the reader sees the end
}

func (n *Session) failure(code, to string) {
	n.send(object{"type": "error", "error": object{
		"type": "invalid_request_error", "code": code, "message": "no: Bearer " + vendortest.Key, "event_id": to,
	}})
}

func (n *Session) id(kind string) string {
	n.numbers++

	return kind + "_" + strconv.Itoa(n.numbers)
}

func str(o object, path ...string) string {
	for _, p := range path[:len(path)-1] {
		o, _ = o[p].(object)
	}
	s, _ := o[path[len(path)-1]].(string)

	return s
}

func (n *Session) take(e object) {
	kind := str(e, "type")
	if kind == "input_audio_buffer.append" {
		n.append(str(e, "audio"))

		return
	}
	n.mu.Lock()
	n.events = append(n.events, e)
	n.mu.Unlock()
	switch kind {
	case "session.update":
		n.update(e)
	case "input_audio_buffer.clear":
		n.mu.Lock()
		n.audio = 0
		n.write(object{"type": "input_audio_buffer.cleared"})
		n.mu.Unlock()
	case "input_audio_buffer.commit":
		n.commit(str(e, "event_id"))
	case "conversation.item.create":
		n.create(e)
	case "conversation.item.truncate":
		n.truncate(e)
	case "conversation.item.delete":
		n.mu.Lock()
		n.items = slices.DeleteFunc(n.items, func(i *Item) bool { return i.ID == str(e, "item_id") })
		n.write(object{"type": "conversation.item.deleted", "item_id": str(e, "item_id")})
		n.mu.Unlock()
	case "response.create":
		n.respond(e)
	case "response.cancel":
		n.cancel(str(e, "event_id"))
	default:
		n.failure("unknown_event", str(e, "event_id"))
	}
}

func (n *Session) update(e object) {
	s, _ := e["session"].(object)
	audio, _ := s["audio"].(object)
	input, _ := audio["input"].(object)
	output, _ := audio["output"].(object)
	if modes, ok := s["output_modalities"].([]any); ok && len(modes) == 1 && modes[0] == "text" {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.typed = true
		n.write(object{"type": "session.updated", "session": s})

		return
	}
	if str(s, "type") != "realtime" || str(input, "format", "type") != "audio/pcmu" || str(output, "format", "type") != "audio/pcmu" {
		n.failure("invalid_value", "")

		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if d, ok := input["turn_detection"].(object); ok {
		n.detection = str(d, "type")
	}
	n.write(object{"type": "session.updated", "session": s})
}

// serverSilence is how long a silence ends the caller's turn.
const serverSilence = 500 * time.Millisecond

// append takes audio and judges, when it is to, whether there is speech.
func (n *Session) append(audio string) {
	octets, err := base64.StdEncoding.DecodeString(audio)
	if err != nil {
		n.failure("invalid_value", "")

		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.audio += len(octets)
	n.total += len(octets)
	if n.detection == "" {
		return
	}
	for _, o := range octets {
		if o&0x7f < 0x40 { // louder than a quarter of full scale, on µ-law's logarithmic one
			n.loud, n.quiet = n.loud+1, 0
		} else {
			n.quiet++
		}
	}
	switch {
	case !n.talks && n.loud >= media.SampleRate/10:
		n.talks = true
		n.write(object{"type": "input_audio_buffer.speech_started", "audio_start_ms": n.total / 8, "item_id": "item_next"})
	case n.talks && n.quiet >= int(media.SamplesIn(serverSilence)):
		n.talks, n.loud = false, 0
		n.write(object{"type": "input_audio_buffer.speech_stopped", "audio_end_ms": n.total / 8, "item_id": "item_next"})
		n.commitLocked()
	case n.quiet >= int(media.SamplesIn(serverSilence)):
		n.loud = 0
	}
}

func (n *Session) commit(to string) {
	n.mu.Lock()
	if n.audio < media.SampleRate/10 {
		n.mu.Unlock()
		n.failure("input_audio_buffer_commit_empty", to)

		return
	}
	defer n.mu.Unlock()
	n.commitLocked()
}

func (n *Session) commitLocked() {
	n.audio = 0
	id := n.id("item")
	i := &Item{ID: id, Role: "user"}
	n.server.mu.Lock()
	if len(n.server.heard) > 0 {
		i.Text = n.server.heard[0]
		n.server.heard = n.server.heard[1:]
	}
	n.server.mu.Unlock()
	n.items = append(n.items, i)
	n.write(object{"type": "input_audio_buffer.committed", "item_id": id})
	if n.server.WordsAfter > 0 {
		n.work.Go(func() {
			wait := time.NewTimer(n.server.WordsAfter)
			defer wait.Stop()
			select {
			case <-wait.C:
			case <-n.ended:
				return
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			n.words(i)
		})

		return
	}
	n.words(i)
}

// words transcribes an item. The caller holds mu.
func (n *Session) words(i *Item) {
	const kind = "conversation.item.input_audio_transcription."
	if first, _, more := strings.Cut(i.Text, " "); more {
		n.write(object{"type": kind + "delta", "item_id": i.ID, "delta": first})
	}
	n.write(object{"type": kind + "completed", "item_id": i.ID, "transcript": i.Text})
}

// Break cuts the connection.
func (n *Session) Break() { n.conn.NetConn().Close() }

func (n *Session) create(e object) {
	item, _ := e["item"].(object)
	i := &Item{ID: str(item, "id"), Role: str(item, "role")}
	if content, ok := item["content"].([]any); ok && len(content) > 0 {
		part, _ := content[0].(object)
		i.Text = str(part, "text")
	}
	switch kind := str(item, "type"); kind {
	case "function_call":
		i.Role, i.Text = kind, str(item, "name")+str(item, "arguments")
	case "function_call_output":
		i.Role, i.Text = kind, str(item, "output")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if i.ID == "" {
		i.ID = n.id("item")
	}
	n.items = append(n.items, i)
	n.write(object{"type": "conversation.item.added", "item": object{"id": i.ID}})
}

func (n *Session) truncate(e object) {
	ms, _ := e["audio_end_ms"].(float64)
	n.mu.Lock()
	for _, i := range n.items {
		if i.ID == str(e, "item_id") && i.Role == "assistant" && int(ms) <= i.MS {
			i.MS, i.Truncated, i.Text = int(ms), true, "" // the server forgets the words
			n.write(object{"type": "conversation.item.truncated", "item_id": i.ID, "audio_end_ms": int(ms)})
			n.mu.Unlock()

			return
		}
	}
	n.mu.Unlock()
	n.failure("invalid_value", str(e, "event_id"))
}

func (n *Session) cancel(to string) {
	n.mu.Lock()
	if n.stop == nil {
		n.mu.Unlock()
		n.failure("response_cancel_not_active", to)

		return
	}
	close(n.stop)
	n.stop = nil
	n.mu.Unlock()
}

func (n *Session) respond(e object) {
	n.server.mu.Lock()
	var r Reply
	if len(n.server.replies) > 0 {
		r = n.server.replies[0]
		if len(n.server.replies) > 1 {
			n.server.replies = n.server.replies[1:]
		}
	}
	n.server.mu.Unlock()
	n.mu.Lock()
	busy := n.active != ""
	n.mu.Unlock()
	switch {
	case busy:
		n.failure("conversation_already_has_active_response", str(e, "event_id"))

		return
	case r.Refuse != "":
		n.failure(r.Refuse, str(e, "event_id"))

		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return
	}
	stop := make(chan struct{})
	n.active, n.stop = n.id("resp"), stop
	id := n.active
	n.write(object{"type": "response.created", "response": object{"id": id, "status": "in_progress"}})
	n.work.Go(func() { n.make(id, &r, stop) })
}

// Word is a word's audio: 300 ms.
const Word = 300 * time.Millisecond

// make is one response. Its audio comes much faster than it is heard.
func (n *Session) make(id string, r *Reply, stop chan struct{}) {
	status, code := "completed", ""
	timer := time.NewTimer(r.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-stop:
		status = "cancelled"
	}
	if status == "completed" && r.Text+r.Fail != "" || r.breaks() {
		status, code = n.speak(id, r, stop)
	}
	if status == "" {
		return
	}
	for _, c := range r.Calls {
		if status != "completed" {
			break
		}
		n.mu.Lock()
		item := n.id("item")
		n.items = append(n.items, &Item{ID: item, Role: "function_call", Text: c.Name + c.Args})
		n.write(object{
			"type": "response.function_call_arguments.done", "response_id": id, "item_id": item,
			"call_id": c.ID, "name": c.Name, "arguments": c.Args,
		})
		n.mu.Unlock()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.active = ""
	if n.stop == stop {
		n.stop = nil
	}
	done := object{"id": id, "status": status, "usage": object{
		"input_tokens": 100, "output_tokens": 40,
		"input_token_details":  object{"text_tokens": 60, "audio_tokens": 40, "cached_tokens_details": object{"text_tokens": 20, "audio_tokens": 0}},
		"output_token_details": object{"text_tokens": 10, "audio_tokens": 30},
	}}
	if code != "" {
		done["status_details"] = object{"type": "failed", "error": object{"type": "server_error", "code": code}}
	}
	n.write(object{"type": "response.done", "response": done})
}

func (r *Reply) breaks() bool { return r.Cut || r.Expire || r.Junk || r.Hang }

// speak is the words of a response. An empty status says that nothing follows.
func (n *Session) speak(id string, r *Reply, stop chan struct{}) (status, code string) {
	n.mu.Lock()
	item := &Item{ID: n.id("item"), Role: "assistant"}
	n.items = append(n.items, item)
	n.write(object{"type": "response.output_item.added", "response_id": id, "item": object{"id": item.ID, "type": "message"}})
	n.mu.Unlock()
	words := strings.Fields(r.Text)
	for i := 0; i <= len(words); i++ {
		select {
		case <-stop:
			return "cancelled", ""
		default:
		}
		if i == len(words)/2 {
			switch {
			case r.Fail != "":
				return "failed", r.Fail
			case r.Cut:
				_ = n.conn.NetConn().Close()

				return "", ""
			case r.Expire:
				n.failure("session_expired", "")
				n.conn.Close()

				return "", ""
			case r.Junk:
				n.mu.Lock()
				_ = n.conn.WriteMessage(websocket.TextMessage, []byte(`{"type": [}`)) // the reader sees the end
				n.mu.Unlock()

				return "", ""
			case r.Hang:
				<-stop

				return "cancelled", ""
			}
		}
		if i == len(words) {
			break
		}
		w := words[i]
		if i > 0 {
			w = " " + w
		}
		if n.typed {
			n.mu.Lock()
			item.Text += w
			n.write(object{"type": "response.output_text.delta", "response_id": id, "item_id": item.ID, "delta": w})
			n.mu.Unlock()

			continue
		}
		octets := make([]byte, media.SamplesIn(Word))
		for k := range octets {
			octets[k] = byte(0x10 + (i*7+k*13)%0x30) // loud, and no two places alike
		}
		n.mu.Lock()
		item.Text += w
		item.MS += int(Word.Milliseconds())
		n.write(object{"type": "response.output_audio_transcript.delta", "response_id": id, "item_id": item.ID, "delta": w})
		n.write(object{
			"type": "response.output_audio.delta", "response_id": id, "item_id": item.ID,
			"delta": base64.StdEncoding.EncodeToString(octets),
		})
		n.mu.Unlock()
	}
	if n.typed {
		n.send(object{"type": "response.output_text.done", "response_id": id, "item_id": item.ID, "text": r.Text})

		return "completed", ""
	}
	n.send(object{"type": "response.output_audio.done", "response_id": id, "item_id": item.ID})
	n.send(object{"type": "response.output_audio_transcript.done", "response_id": id, "item_id": item.ID, "transcript": r.Text})

	return "completed", ""
}
