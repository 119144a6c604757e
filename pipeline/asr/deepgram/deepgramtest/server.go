package deepgramtest

import (
	"encoding/json"
	"net/http"

	"github.com/gorilla/websocket"

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
	return asrtest.Abilities{EndOfTurn: true, KeepAlive: true, Lull: true}
}

type object = map[string]any

func failure(code string) any { return object{"err_code": code, "err_msg": "see " + vendortest.Key} }

func results(text string, at asrtest.Span, final, speech, finalize bool) object {
	return object{
		"type": "Results", "channel_index": []int{0, 1}, "duration": (at.Until - at.From).Seconds(), "start": at.From.Seconds(),
		"is_final": final, "speech_final": speech, "from_finalize": finalize,
		"channel": object{"alternatives": []object{{"transcript": text, "confidence": 0.9, "words": []object{}}}},
	}
}

// wire says nothing to a Finalize when no words are left, as the reference
// allows: of audio without words, and where the server's own end came before.
var wire = asrtest.Wire{
	Partial: func(text string, at asrtest.Span) any { return results(text, at, false, false, false) },
	Final: func(text string, at asrtest.Span) []any {
		if text == "" {
			return nil
		}

		return []any{results(text, at, true, true, true)}
	},
	Ended: func(text string, at asrtest.Span) any { return results(text, at, true, true, false) },
	Error: func(code string) any {
		return object{"type": "Error", "code": code, "description": "see " + vendortest.Key}
	},
}

// ServeHTTP answers /v1/listen, /v1/projects without a list, and / without a body.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case r.URL.Path == "/":
		return
	case r.Header.Get("Authorization") != "Token "+vendortest.Key:
		vendortest.Answer(w, http.StatusUnauthorized, failure("INVALID_AUTH"))

		return
	case r.URL.Path == "/v1/projects":
		return
	case r.URL.Path != "/v1/listen":
		vendortest.Answer(w, http.StatusNotFound, failure("NOT_FOUND"))

		return
	case q.Get("encoding") != "mulaw" || q.Get("sample_rate") != "8000" || q.Get("model") == "":
		vendortest.Answer(w, http.StatusBadRequest, failure("INVALID_QUERY_PARAMETER"))

		return
	}
	conn := s.script.Accept(w, r, failure)
	if conn == nil {
		return
	}
	c := asrtest.NewSession(s.script, conn, &wire)
	defer c.Close()
	c.Send(object{"type": "Metadata", "request_id": "1"})
	for {
		kind, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if kind == websocket.BinaryMessage {
			c.Audio(data)

			continue
		}
		var m struct {
			Type string `json:"type"`
		}
		_ = json.Unmarshal(data, &m) // an unknown message is ignored
		switch m.Type {
		case "Finalize":
			c.Flush()
		case "KeepAlive":
			c.KeptAlive()
		case "CloseStream":
			return
		}
	}
}
