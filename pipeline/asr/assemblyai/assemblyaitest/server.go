package assemblyaitest

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"trunkline/media"
	"trunkline/pipeline/asr/asrtest"
	"trunkline/pipeline/vendortest"
)

// Server hears talkspurts.
type Server struct{ script *asrtest.Script }

// New makes a Server.
func New() *Server { return &Server{script: asrtest.NewScript()} }

// Script says what happens.
func (s *Server) Script() *asrtest.Script { return s.script }

// Has tells what the protocol can do.
func (*Server) Has() asrtest.Abilities {
	return asrtest.Abilities{EndOfTurn: true, Padding: 60 * time.Millisecond}
}

type object = map[string]any

func failure(code string) any {
	return object{"type": "Error", "error_code": code, "error": "see " + vendortest.Key}
}

// turn is a message of a turn: of words that do not stand yet, the transcript
// has all but the last.
func turn(text string, end bool) object {
	fields := strings.Fields(text)
	words := []object{}
	for _, f := range fields {
		words = append(words, object{"text": f, "confidence": 0.9, "word_is_final": end})
	}
	stands := text
	if !end && len(fields) > 0 {
		stands = strings.Join(fields[:len(fields)-1], " ")
	}

	return object{
		"type": "Turn", "turn_order": 0, "turn_is_formatted": false, "end_of_turn": end,
		"end_of_turn_confidence": 0.5, "transcript": stands, "words": words,
	}
}

// wire says nothing when an end is forced of a turn without words.
var wire = asrtest.Wire{
	Partial: func(text string, _ asrtest.Span) any { return turn(text, false) },
	Final: func(text string, _ asrtest.Span) []any {
		if text == "" {
			return nil
		}

		return []any{turn(text, true)}
	},
	Ended: func(text string, _ asrtest.Span) any { return turn(text, true) },
	Error: failure,
}

// ServeHTTP answers /v3/ws, and / without a body.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case r.URL.Path == "/":
		return
	case r.URL.Path != "/v3/ws":
		vendortest.Answer(w, http.StatusNotFound, failure("not_found"))

		return
	case r.Header.Get("Authorization") != vendortest.Key:
		vendortest.Answer(w, http.StatusUnauthorized, failure("unauthorized"))

		return
	case q.Get("encoding") != "pcm_mulaw" || q.Get("sample_rate") != "8000":
		vendortest.Answer(w, http.StatusBadRequest, failure("bad_request"))

		return
	}
	conn := s.script.Accept(w, r, failure)
	if conn == nil {
		return
	}
	c := asrtest.NewSession(s.script, conn, &wire)
	defer c.Close()
	c.Send(object{"type": "Begin", "id": "1", "expires_at": 1})
	for {
		kind, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if kind == websocket.BinaryMessage {
			if d := media.Samples(len(data)).Duration(); d < 50*time.Millisecond || d > time.Second {
				c.Send(failure("input_duration_violation"))

				return
			}
			c.Audio(data)

			continue
		}
		var m struct {
			Type string `json:"type"`
		}
		_ = json.Unmarshal(data, &m) // an unknown message is ignored
		switch m.Type {
		case "ForceEndpoint":
			c.Flush()
		case "Terminate":
			c.Send(object{"type": "Termination"})

			return
		}
	}
}
