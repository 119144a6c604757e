package whispertest

import (
	"net/http"
	"time"

	"trunkline/media"
	"trunkline/media/g711"
	"trunkline/media/record"
	"trunkline/pipeline/asr/asrtest"
	"trunkline/pipeline/vendortest"
)

// Server takes one talkspurt per request.
type Server struct{ script *asrtest.Script }

// New makes a Server.
func New() *Server { return &Server{script: asrtest.NewScript()} }

// Script is where tests say what happens.
func (s *Server) Script() *asrtest.Script { return s.script }

// Has says what the protocol can do.
func (*Server) Has() asrtest.Abilities {
	return asrtest.Abilities{Late: true, Batch: true, Padding: 100 * time.Millisecond}
}

// ServeHTTP answers as the documents say.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Authorization") != "Bearer "+vendortest.Key:
		vendortest.Answer(w, http.StatusUnauthorized, failure("invalid_api_key"))
	case r.Method == http.MethodHead && r.URL.Path == "/models":
	case r.Method != http.MethodPost || r.URL.Path != "/audio/transcriptions":
		vendortest.Answer(w, http.StatusNotFound, failure("not_found"))
	default:
		s.transcribe(w, r)
	}
}

func failure(code string) any {
	return map[string]any{"error": map[string]string{"message": "no: Bearer " + vendortest.Key, "type": "invalid_request_error", "code": code}}
}

func (s *Server) transcribe(w http.ResponseWriter, r *http.Request) {
	octets, ok := talkspurt(r)
	if !ok || r.FormValue("model") == "" || r.FormValue("response_format") != "json" {
		vendortest.Answer(w, http.StatusBadRequest, failure("invalid_file"))

		return
	}
	s.script.Hear(octets)
	reply := s.script.Take()
	switch {
	case reply.Status != 0:
		vendortest.RetryAfter(w, reply.RetryAfter)
		vendortest.Answer(w, reply.Status, failure(reply.Code))
	case reply.Error != "":
		vendortest.Answer(w, http.StatusInternalServerError, failure(reply.Error))
	case reply.Hang:
		<-r.Context().Done()
	case reply.Cut:
		panic(http.ErrAbortHandler) // the documented way to cut a connection
	case reply.Junk:
		_, _ = w.Write([]byte(`{"text": [}`)) // the client sees it
	default:
		time.Sleep(reply.Delay)
		vendortest.Answer(w, http.StatusOK, map[string]string{"text": " " + reply.Final})
	}
}

// talkspurt is the request's file as µ-law.
func talkspurt(r *http.Request) ([]byte, bool) {
	file, _, err := r.FormFile("file")
	if err != nil {
		return nil, false
	}
	defer file.Close()
	a, err := record.DecodeWAV(file)
	if err != nil || a.Channels != 1 || a.Rate != media.SampleRate {
		return nil, false
	}
	octets := make([]byte, len(a.Samples[0]))
	g711.PCMU.Encode(octets, a.Samples[0])

	return octets, true
}
