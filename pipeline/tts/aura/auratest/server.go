package auratest

import (
	"encoding/json"
	"net/http"

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
func (*Server) Has() ttstest.Abilities { return ttstest.Abilities{ULaw: true} }

func refuse(w http.ResponseWriter, status int, code string) {
	vendortest.Answer(w, status, map[string]string{"err_code": code, "err_msg": "see " + vendortest.Key})
}

// ServeHTTP answers /v1/speak, and / without a body.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var body struct {
		Text string `json:"text"`
	}
	switch {
	case r.URL.Path == "/":
		return
	case r.Header.Get("Authorization") != "Token "+vendortest.Key:
		refuse(w, http.StatusUnauthorized, "INVALID_AUTH")

		return
	case r.URL.Path == "/v1/projects":
		return
	case r.URL.Path != "/v1/speak" || r.Method != http.MethodPost:
		refuse(w, http.StatusNotFound, "NOT_FOUND")

		return
	case q.Get("encoding") != "mulaw" || q.Get("sample_rate") != "8000" || q.Get("container") != "none",
		json.NewDecoder(r.Body).Decode(&body) != nil || body.Text == "":
		refuse(w, http.StatusBadRequest, "INVALID_QUERY_PARAMETER")

		return
	}
	reply := s.script.Take(ttstest.Asked{Text: body.Text, Voice: q.Get("model"), Model: "test"})
	if reply.Status != 0 {
		vendortest.RetryAfter(w, reply.RetryAfter)
		refuse(w, reply.Status, reply.Code)

		return
	}
	w.Header().Set("Content-Type", "audio/mulaw")
	ttstest.Stream(w, r, s.script, &reply, nil)
}
