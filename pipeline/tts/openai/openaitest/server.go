package openaitest

import (
	"encoding/binary"
	"encoding/json"
	"net/http"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/resample"
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
func (*Server) Has() ttstest.Abilities { return ttstest.Abilities{} }

func refuse(w http.ResponseWriter, status int, code string) {
	vendortest.Answer(w, status, map[string]any{
		"error": map[string]string{"code": code, "type": "error", "message": "see " + vendortest.Key},
	})
}

// ServeHTTP answers /audio/speech, and /models without a body.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Model  string `json:"model"`
		Voice  string `json:"voice"`
		Input  string `json:"input"`
		Format string `json:"response_format"`
	}
	switch {
	case r.URL.Path == "/models" && r.Method == http.MethodHead:
		return
	case r.Header.Get("Authorization") != "Bearer "+vendortest.Key:
		refuse(w, http.StatusUnauthorized, "invalid_api_key")

		return
	case r.URL.Path == "/models":
		return
	case r.URL.Path != "/audio/speech" || r.Method != http.MethodPost:
		refuse(w, http.StatusNotFound, "unknown_url")

		return
	case json.NewDecoder(r.Body).Decode(&body) != nil || body.Format != "pcm" || body.Input == "" || len(body.Input) > 4096:
		refuse(w, http.StatusBadRequest, "invalid_request_error")

		return
	}
	reply := s.script.Take(ttstest.Asked{Text: body.Input, Voice: body.Voice, Model: body.Model})
	if reply.Status != 0 {
		vendortest.RetryAfter(w, reply.RetryAfter)
		refuse(w, reply.Status, reply.Code)

		return
	}
	up, err := resample.New(media.SampleRate, 24_000)
	if err != nil {
		panic(err) // both rates are sound
	}
	whole := 0
	w.Header().Set("Content-Type", "audio/pcm")
	ttstest.Stream(w, r, s.script, &reply, func(octets []byte) []byte {
		linear := make([]int16, len(octets))
		g711.PCMU.Decode(linear, octets)
		wide := up.Append(nil, linear)
		if whole += len(octets); whole == len(reply.Octets) {
			wide = up.Flush(wide)
		}
		out := make([]byte, 0, 2*len(wide))
		for _, v := range wide {
			out = binary.LittleEndian.AppendUint16(out, uint16(v))
		}

		return out
	})
}
