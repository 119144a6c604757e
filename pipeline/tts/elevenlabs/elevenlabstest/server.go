package elevenlabstest

import (
	"encoding/base64"
	"net/http"
	"strings"
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
	vendortest.Answer(w, status, object{"detail": object{"status": code, "message": "see " + vendortest.Key}})
}

// ServeHTTP takes one connection, which speaks one text.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	voice, at := strings.CutPrefix(r.URL.Path, "/v1/text-to-speech/")
	voice, streams := strings.CutSuffix(voice, "/stream-input")
	q := r.URL.Query()
	switch no, refused := ttstest.Refusal(s.script); {
	case r.Header.Get("Xi-Api-Key") != vendortest.Key:
		refuse(w, http.StatusUnauthorized, "invalid_api_key")
	case r.URL.Path == "/v1/user": // as for a key that may only speak
		refuse(w, http.StatusUnauthorized, "missing_permissions")
	case !at || !streams:
		refuse(w, http.StatusNotFound, "not_found")
	case q.Get("output_format") != "ulaw_8000" || q.Get("model_id") == "":
		refuse(w, http.StatusBadRequest, "invalid_parameters")
	case refused:
		vendortest.RetryAfter(w, no.RetryAfter)
		refuse(w, no.Status, no.Code)
	default:
		up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		s.speak(conn, ttstest.Asked{Voice: voice, Model: q.Get("model_id"), Language: q.Get("language_code")})
	}
}

// speak reads the text to its end and answers it. Nothing is spoken of a text
// whose first message is not a single space, as the reference demands.
func (s *Server) speak(conn *websocket.Conn, asked ttstest.Asked) {
	var text strings.Builder
	for n := 0; ; n++ {
		var m struct {
			Text *string `json:"text"`
		}
		if conn.ReadJSON(&m) != nil {
			return
		}
		if m.Text == nil || n == 0 && *m.Text != " " {
			_ = conn.WriteJSON(object{"message": "bad message", "error": "input_invalid", "code": 1008})

			return
		}
		if *m.Text == "" {
			break
		}
		text.WriteString(*m.Text)
	}
	asked.Text = strings.TrimSpace(text.String())
	reply := s.script.Take(asked)
	gone := make(chan struct{})
	go func() { // the client sends nothing more: this ends with the connection
		defer close(gone)
		_, _, _ = conn.ReadMessage()
	}()
	select {
	case <-time.After(reply.FirstAudio):
	case <-gone:
		s.script.Left()

		return
	}
	from := media.Samples(0)
	for i, part := range reply.Parts() {
		if i == 1 && reply.Fails() {
			s.fail(conn, &reply, gone)

			return
		}
		end := from + media.Samples(len(part))
		if conn.WriteJSON(object{
			"audio": base64.StdEncoding.EncodeToString(part), "isFinal": nil, "alignment": align(reply.Words, from, end),
		}) != nil {
			s.script.Left()

			return
		}
		from = end
	}
	_ = conn.WriteJSON(object{"audio": nil, "isFinal": true})
	_ = conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
	<-gone
}

func (s *Server) fail(conn *websocket.Conn, reply *ttstest.Reply, gone <-chan struct{}) {
	switch {
	case reply.Hang:
		<-gone
		s.script.Left()
	case reply.Cut:
		_ = conn.NetConn().Close()
	case reply.Junk:
		_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"audio": 12, "isFinal": [}`))
		<-gone
	default:
		_ = conn.WriteJSON(object{"message": "see " + vendortest.Key, "error": reply.Error, "code": 1008})
		<-gone
	}
}

// align places the characters of the words that begin in a chunk, in
// milliseconds from the chunk's beginning.
func align(words []media.Word, from, end media.Samples) object {
	chars, starts, lengths := []string{}, []int{}, []int{}
	for _, w := range words {
		if w.Start < from || w.Start >= end {
			continue
		}
		for _, c := range w.Text + " " {
			chars = append(chars, string(c))
			starts = append(starts, int((w.Start - from).Duration().Milliseconds()))
			lengths = append(lengths, 10)
		}
	}

	return object{"chars": chars, "charStartTimesMs": starts, "charDurationsMs": lengths}
}
