package console

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"trunkline/storage"
)

// recording serves a call's WAV file, or the ranges of it that are asked for.
func (s *console) recording(w http.ResponseWriter, r *http.Request) error {
	history, err := s.history(r)
	if err != nil {
		return err
	}
	file, err := s.openRecording(&history.Call)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "audio/wav")
	w.Header().Set("Content-Disposition", `inline; filename="`+history.Call.ID.String()+`.wav"`)
	http.ServeContent(w, r, "", info.ModTime(), file)
	return nil
}

// openRecording opens the file in the directory of recordings that c names. A
// record that names a file elsewhere does not lead out of there.
func (s *console) openRecording(c *storage.Call) (*os.File, error) {
	if c.Recording == "" || s.Recordings == "" {
		return nil, errNoRecording
	}
	file, err := os.OpenInRoot(s.Recordings, filepath.Base(c.Recording))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoRecording
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNoRecording
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
