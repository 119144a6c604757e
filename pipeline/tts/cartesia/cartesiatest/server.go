package cartesiatest

import (
	"encoding/base64"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/pipeline/tts/ttstest"
	"trunkline/pipeline/vendortest"
)

// Server speaks texts.
type Server struct{ script *ttstest.Script }

// New makes a Server.
func New() *Server { return &Server{script: ttstest.NewScript()} }

// Script says what happens.
func (s *Server) Script() *ttstest.Script { return s.script }

// Has tells what the protocol can do.
func (*Server) Has() ttstest.Abilities {
	return ttstest.Abilities{ULaw: true, Words: true, Errors: true}
}

type object = map[string]any

func refuse(w http.ResponseWriter, status int, code string) {
	vendortest.Answer(w, status, object{"error_code": code, "message": "see " + vendortest.Key})
}

// ServeHTTP takes a connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch no, refused := ttstest.Refusal(s.script); {
	case r.Header.Get("X-Api-Key") != vendortest.Key:
		refuse(w, http.StatusUnauthorized, "unauthorized")
	case r.Header.Get("Cartesia-Version") == "":
		refuse(w, http.StatusBadRequest, "version_missing")
	case r.URL.Path == "/voices": // without a list
	case r.URL.Path != "/tts/websocket":
		refuse(w, http.StatusNotFound, "not_found")
	case refused:
		vendortest.RetryAfter(w, no.RetryAfter)
		refuse(w, no.Status, no.Code)
	default:
		up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
		ws, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		c := &connection{script: s.script, ws: ws, texts: map[string]chan struct{}{}, gone: make(chan struct{})}
		c.read()
	}
}

// connection speaks many texts at a time.
type connection struct {
	script *ttstest.Script
	ws     *websocket.Conn
	gone   chan struct{}
	work   sync.WaitGroup

	mu    sync.Mutex
	texts map[string]chan struct{} // closed when cancelled
}

type request struct {
	ContextID  string `json:"context_id"`
	Cancel     bool   `json:"cancel"`
	ModelID    string `json:"model_id"`
	Transcript string `json:"transcript"`
	Language   string `json:"language"`
	Voice      struct {
		Mode string `json:"mode"`
		ID   string `json:"id"`
	} `json:"voice"`
	Format struct {
		Container  string `json:"container"`
		Encoding   string `json:"encoding"`
		SampleRate int    `json:"sample_rate"`
	} `json:"output_format"`
}

func (c *connection) read() {
	defer c.work.Wait()
	defer c.ws.Close()
	defer close(c.gone)
	for {
		var q request
		if c.ws.ReadJSON(&q) != nil {
			return
		}
		c.mu.Lock()
		if q.Cancel {
			if stop := c.texts[q.ContextID]; stop != nil {
				close(stop)
				delete(c.texts, q.ContextID)
			}
			c.mu.Unlock()

			continue
		}
		stop := make(chan struct{})
		c.texts[q.ContextID] = stop
		c.mu.Unlock()
		c.work.Go(func() {
			c.speak(&q, stop)
			c.mu.Lock()
			delete(c.texts, q.ContextID)
			c.mu.Unlock()
		})
	}
}

func (c *connection) send(v any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.ws.WriteJSON(v) // the reader sees the end
}

func (c *connection) speak(q *request, stop <-chan struct{}) {
	id := q.ContextID
	if q.Voice.Mode != "id" || q.Format.Container != "raw" || q.Format.Encoding != "pcm_mulaw" || q.Format.SampleRate != media.SampleRate {
		c.send(object{"type": "error", "context_id": id, "status_code": http.StatusBadRequest, "error_code": "invalid_format"})

		return
	}
	reply := c.script.Take(ttstest.Asked{Text: q.Transcript, Voice: q.Voice.ID, Model: q.ModelID, Language: q.Language})
	select {
	case <-time.After(reply.FirstAudio):
	case <-stop:
		c.script.Left()

		return
	case <-c.gone:
		return
	}
	if len(reply.Words) > 0 {
		words, starts := []string{}, []float64{}
		for _, w := range reply.Words {
			words, starts = append(words, w.Text), append(starts, w.Start.Duration().Seconds())
		}
		c.send(object{"type": "timestamps", "context_id": id, "word_timestamps": object{"words": words, "start": starts, "end": starts}})
	}
	for i, part := range reply.Parts() {
		if i == 1 && reply.Fails() {
			c.fail(id, &reply, stop)

			return
		}
		c.send(object{
			"type": "chunk", "context_id": id, "status_code": http.StatusPartialContent, "done": false,
			"data": base64.StdEncoding.EncodeToString(part),
		})
	}
	c.send(object{"type": "done", "context_id": id, "status_code": http.StatusOK, "done": true})
}

func (c *connection) fail(id string, reply *ttstest.Reply, stop <-chan struct{}) {
	switch {
	case reply.Hang:
		select {
		case <-stop:
			c.script.Left()
		case <-c.gone:
		}
	case reply.Cut:
		_ = c.ws.NetConn().Close()
	case reply.Junk:
		c.mu.Lock()
		defer c.mu.Unlock()
		_ = c.ws.WriteMessage(websocket.TextMessage, []byte(`{"type": "chunk", [}`))
	default:
		status := map[string]int{"quota_exceeded": http.StatusPaymentRequired, "overloaded": http.StatusServiceUnavailable}[reply.Error]
		c.send(object{
			"type": "error", "context_id": id, "status_code": status, "done": true,
			"error_code": reply.Error, "error": "see " + vendortest.Key,
		})
	}
}
