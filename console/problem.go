package console

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"trunkline/storage"
)

// problem is a failure as the client is told of it.
type problem struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`

	Reasons  []string `json:"reasons,omitempty"`  // of a denied call
	Decision string   `json:"decision,omitempty"` // its stored denial
}

func (p *problem) Error() string { return p.Message }

var (
	errPath = &problem{
		Status: http.StatusNotFound, Code: "no_such_path", Message: "There is nothing at this address.",
		Hint: "The list of calls is at /calls, for programs at /v1/calls.",
	}
	errMethod = &problem{
		Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: "This can only be read.",
		Hint: "Use GET or HEAD.",
	}
	errHost = &problem{
		Status: http.StatusMisdirectedRequest, Code: "foreign_host", Message: "The Host header names another machine, and this is a loopback address.",
		Hint: "Use localhost or 127.0.0.1; a proxy on this machine sets the Host header to one of them.",
	}
	errNoKey = &problem{
		Status: http.StatusUnauthorized, Code: "no_key", Message: "This needs a key, and the request shows none that is known.",
		Hint: "Send it as Authorization: Bearer KEY; in a browser it is the password. trunkline key makes one.",
	}
	errNoCall = &problem{
		Status: http.StatusNotFound, Code: "no_such_call", Message: "There is no such call.",
		Hint: "The list of calls is at /calls, for programs at /v1/calls.",
	}
	errNoRecording = &problem{
		Status: http.StatusNotFound, Code: "no_recording", Message: "This call has no recording.",
		Hint: "Recording is off unless the configuration says recording.enabled: true; files older than that may have been removed.",
	}
	errKey = &problem{
		Status: http.StatusConflict, Code: "no_recording_key", Message: "This recording is encrypted with a key that the gateway does not have.",
		Hint: "Give the key back to TRUNKLINE_RECORDING_KEY or recording.key_file; if the recording was erased, it cannot be heard again.",
	}
	errNotJSON = &problem{
		Status: http.StatusUnsupportedMediaType, Code: "not_json", Message: "The request has to be JSON.",
		Hint: "Send it with Content-Type: application/json.",
	}
	errRecordingState = &problem{
		Status: http.StatusBadRequest, Code: "bad_state", Message: "The body does not say what the recording should be.",
		Hint: `Send {"state": "recording"}, {"state": "paused"} or {"state": "stopped"}.`,
	}
	// ErrNotRunning, ErrNotRecorded and ErrRecordingOver are what Config.Record
	// returns for calls whose recording cannot be so.
	ErrNotRunning error = &problem{
		Status: http.StatusConflict, Code: "not_running", Message: "The call does not run on this node.",
		Hint: "Only running calls are recorded: see /v1/calls?state=in_progress, and ask the node that has the call.",
	}
	ErrNotRecorded error = &problem{
		Status: http.StatusConflict, Code: "not_recorded", Message: "This call is not recorded.",
		Hint: "Recording is off unless the configuration says recording.enabled: true, and for good once the person objected to it. With recording.begin: asked it has to be begun first.",
	}
	ErrRecordingOver error = &problem{
		Status: http.StatusConflict, Code: "recording_over", Message: "The recording of this call was stopped.",
		Hint: "A recording that was stopped does not go on; pause it where it is to go on.",
	}
	errCursor = &problem{
		Status: http.StatusBadRequest, Code: "bad_cursor", Message: "The cursor is not one that a page of this list gave.",
		Hint: "Take it from the field next of the page before, or leave it out to begin with the latest call.",
	}
	errAway = &problem{
		Status: http.StatusServiceUnavailable, Code: "database_away", Message: "The database does not answer.",
		Hint: "Calls go on and are recorded when it returns. See /readyz.",
	}
	errSchema = &problem{
		Status: http.StatusServiceUnavailable, Code: "schema_mismatch", Message: "The database's schema does not fit this version.",
		Hint: "Run trunkline migrate.",
	}
	errInternal = &problem{
		Status: http.StatusInternalServerError, Code: "internal", Message: "Something went wrong in the gateway.",
		Hint: "The gateway's log says what.",
	}
)

// badParameter is a mistake in the query.
func badParameter(message, hint string) error {
	return &problem{Status: http.StatusBadRequest, Code: "bad_parameter", Message: message, Hint: hint}
}

// problemOf is what the client is told of err; err is logged when that hides
// something.
func (s *console) problemOf(r *http.Request, err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	for kind, p := range map[error]*problem{
		storage.ErrNotFound:   errNoCall,
		storage.ErrCursor:     errCursor,
		storage.ErrAway:       errAway,
		storage.ErrLogin:      errAway,
		storage.ErrNoDatabase: errAway,
		storage.ErrSchemaOld:  errSchema,
		storage.ErrSchemaNew:  errSchema,
	} {
		if errors.Is(err, kind) {
			if p.Status >= http.StatusInternalServerError {
				s.Log.Warn("request failed", slog.String("path", r.URL.Path), slog.Any("error", err))
			}
			return p
		}
	}
	if !errors.Is(err, context.Canceled) { // the client left
		s.Log.Error("request failed", slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	return errInternal
}

// apiProblem answers with {"error": {"code", "message", "hint"}}.
func (s *console) apiProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problemOf(r, err)
	body := struct {
		Error *problem `json:"error"`
	}{p}
	s.writeJSON(w, p.Status, body)
}

func (s *console) writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		s.Log.Error("an answer cannot be encoded", slog.Any("error", err))
		status, text = http.StatusInternalServerError, []byte(`{"error": {"code": "internal"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "GET, HEAD")
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the client has left; nobody is to be told
}
