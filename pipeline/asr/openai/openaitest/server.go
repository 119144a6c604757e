package openaitest

import (
	"net/http"
	"strconv"
	"strings"
	"time"

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
func (*Server) Has() asrtest.Abilities { return asrtest.Abilities{Padding: 100 * time.Millisecond} }

type object = map[string]any

func failure(code string) any {
	return object{"type": "error", "error": object{"type": "error", "code": code, "message": "see " + vendortest.Key}}
}

// ServeHTTP answers /realtime, and /models without a list.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/models" && r.Method == http.MethodHead:
		return
	case r.Header.Get("Authorization") != "Bearer "+vendortest.Key:
		vendortest.Answer(w, http.StatusUnauthorized, failure("invalid_api_key"))

		return
	case r.URL.Path == "/models":
		return
	case r.URL.Path != "/realtime" || r.URL.Query().Get("intent") != "transcription":
		vendortest.Answer(w, http.StatusNotFound, failure("unknown_url"))

		return
	}
	conn := s.script.Accept(w, r, failure)
	if conn == nil {
		return
	}
	items, told := 0, ""
	const kind = "conversation.item.input_audio_transcription."
	wire := asrtest.Wire{
		Partial: func(text string, _ asrtest.Span) any { // a delta is what is new
			delta := text
			if rest, goesOn := strings.CutPrefix(text, told); goesOn {
				delta = rest
			}
			told = text

			return object{"type": kind + "delta", "item_id": "item_" + strconv.Itoa(items), "content_index": 0, "delta": delta}
		},
		Final: func(text string, _ asrtest.Span) []any {
			return []any{object{"type": kind + "completed", "item_id": "item", "content_index": 0, "transcript": text}}
		},
		Error: failure,
	}
	c := asrtest.NewSession(s.script, conn, &wire)
	defer c.Close()
	c.Send(object{"type": "session.created", "session": object{}})
	uncommitted := 0
	for {
		var m struct {
			Type    string `json:"type"`
			Audio   []byte `json:"audio"`
			Session struct {
				Type  string `json:"type"`
				Audio struct {
					Input struct {
						Format struct {
							Type string `json:"type"`
						} `json:"format"`
						Transcription struct {
							Model string `json:"model"`
						} `json:"transcription"`
					} `json:"input"`
				} `json:"audio"`
			} `json:"session"`
		}
		if conn.ReadJSON(&m) != nil {
			return
		}
		switch m.Type {
		case "session.update":
			in := &m.Session.Audio.Input
			if m.Session.Type != "transcription" || in.Format.Type != "audio/pcmu" || in.Transcription.Model == "" {
				c.Send(failure("invalid_value"))

				return
			}
			c.Send(object{"type": "session.updated", "session": object{}})
		case "input_audio_buffer.append":
			uncommitted += len(m.Audio)
			c.Audio(m.Audio)
		case "input_audio_buffer.commit":
			if media.Samples(uncommitted).Duration() < 100*time.Millisecond {
				c.Send(failure("input_audio_buffer_commit_empty"))

				return
			}
			uncommitted, told = 0, ""
			items++
			c.Send(object{"type": "input_audio_buffer.committed", "item_id": "item"})
			c.Flush()
		}
	}
}
