package console

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"trunkline/media/record"
	"trunkline/media/record/seal"
	"trunkline/storage"
)

// recording serves a call's WAV file, decrypted if need be, or the ranges of
// it that are asked for.
func (s *console) recording(w http.ResponseWriter, r *http.Request) error {
	history, err := s.history(r)
	if err != nil {
		return err
	}
	content, err := s.openRecording(&history.Call)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // it was only read
	w.Header().Set("Content-Type", "audio/wav")
	w.Header().Set("Content-Disposition", `inline; filename="`+history.Call.ID.String()+`.wav"`)
	http.ServeContent(w, r, "", content.Changed(), content.Reader())
	return nil
}

// openRecording opens the file in the directory of recordings that c names. A
// record that names a file elsewhere does not lead out of there.
func (s *console) openRecording(c *storage.Call) (*record.Content, error) {
	if c.Recording == "" || s.Recordings == "" {
		return nil, errNoRecording
	}
	name := filepath.Base(c.Recording)
	content, err := record.Open(s.Recordings, name, s.Keys)
	switch {
	case errors.Is(err, seal.ErrNoKey), errors.Is(err, fs.ErrNotExist) && strings.Contains(err.Error(), record.KeyPath(name)):
		return nil, errKey
	case errors.Is(err, fs.ErrNotExist):
		return nil, errNoRecording
	}
	return content, err
}

// apiRecord begins, pauses, resumes or stops a running call's recording.
func (s *console) apiRecord(w http.ResponseWriter, r *http.Request) error {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return errNoCall
	}
	var body struct {
		State string `json:"state"`
	}
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(&body); err != nil || !slices.Contains([]string{"recording", "paused", "stopped"}, body.State) {
		return errRecordingState
	}
	if s.Record == nil {
		return ErrNotRunning
	}
	if err := s.Record(id, body.State, cmp.Or(holder(r).Name, "operator")); err != nil {
		return err
	}
	s.writeJSON(w, http.StatusOK, body)

	return nil
}
