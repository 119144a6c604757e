package archive

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/storage"
)

// markerSuffix ends the name of a recording's marker.
const markerSuffix = ".pending"

// A marker is the file that says what is still to be done with a recording.
// It holds one JSON object a line, of which the last whole one counts, and is
// locked while a process has the recording in hand.
type marker struct {
	file *os.File
	state
}

// state is a line of a marker.
type state struct {
	Call  uuid.UUID `json:"call"`
	File  string    `json:"file"`            // name of the recording in the directory
	Stage stage     `json:"stage"`           // what was done
	Known *known    `json:"known,omitempty"` // from Finished on

	// What may not stay in it, as the call found out.
	Silence []record.Stretch `json:"silence,omitempty"`
	Suspect *media.Samples   `json:"suspect,omitempty"` // from there on, if the call ends unseen
	Destroy string           `json:"destroy,omitempty"` // why all of it goes; empty: it stays
}

// stage says how far a recording has come.
type stage string

const (
	recording stage = "recording" // a call writes it
	finished  stage = "finished"  // it is complete, or as complete as it gets
	uploaded  stage = "uploaded"  // its copy has arrived, or none is wanted
)

// known is storage.Recording in a marker.
type known struct {
	KeyID         string        `json:"key_id,omitempty"`
	Length        time.Duration `json:"length_ns"`
	Paused        time.Duration `json:"paused_ns,omitempty"`
	Bytes         int64         `json:"bytes"`
	SHA256        string        `json:"sha256"`
	Cut           bool          `json:"cut,omitempty"`
	Problem       string        `json:"problem,omitempty"`
	UploadedAt    time.Time     `json:"uploaded_at,omitzero"`
	UploadedTo    string        `json:"uploaded_to,omitempty"`
	UploadTries   int           `json:"upload_tries,omitempty"`
	UploadProblem string        `json:"upload_problem,omitempty"`
	DeletedAt     time.Time     `json:"deleted_at,omitzero"`
	Silenced      time.Duration `json:"silenced_ns,omitempty"`
	Destroyed     string        `json:"destroyed,omitempty"`
}

// record is what the database is told.
func (s *state) record() storage.Recording {
	k := s.Known
	return storage.Recording{
		CallID: s.Call, File: s.File, KeyID: k.KeyID, Length: k.Length, Paused: k.Paused, Bytes: k.Bytes, SHA256: k.SHA256,
		Cut: k.Cut, Problem: k.Problem, UploadedAt: k.UploadedAt, UploadedTo: k.UploadedTo, UploadTries: k.UploadTries,
		UploadProblem: k.UploadProblem, DeletedAt: k.DeletedAt, Silenced: k.Silenced, Destroyed: k.Destroyed,
	}
}

// errTaken says that another process has the recording in hand.
var errTaken = errors.New("another process has it in hand")

// newMarker makes and locks the marker of a new recording.
func newMarker(dir string, s state) (*marker, error) {
	file, err := os.OpenFile(filepath.Join(dir, s.File+markerSuffix), os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("marker: %w", err)
	}
	m := &marker{file: file}
	if err := errors.Join(lock(file), m.set(s)); err != nil {
		return nil, fmt.Errorf("marker: %w", errors.Join(err, file.Close()))
	}
	return m, nil
}

// openMarker reads and locks a marker that is there. The error is errTaken
// when a living process has it.
func openMarker(dir, name string) (*marker, error) {
	file, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, fmt.Errorf("marker: %w", err)
	}
	m := &marker{file: file}
	if err := errors.Join(lock(file), m.read()); err != nil {
		return nil, fmt.Errorf("marker %s: %w", name, errors.Join(err, file.Close()))
	}
	if m.File != strings.TrimSuffix(name, markerSuffix) {
		return nil, errors.Join(fmt.Errorf("marker %s: it is damaged", name), file.Close())
	}
	return m, nil
}

func lock(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errTaken
	}
	return err
}

// read takes the last line that is whole.
func (m *marker) read() error {
	lines := bufio.NewReader(m.file)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var s state
		if json.Unmarshal(line, &s) == nil {
			m.state = s
		}
	}
}

// set adds a line, and waits until it is on the disk unless the recording has
// only begun: after a crash of the machine that moment leaves little to keep.
func (m *marker) set(s state) error {
	line, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if _, err := m.file.Write(append(line, '\n')); err != nil {
		return err
	}
	m.state = s
	if s.Stage == recording {
		return nil
	}
	return m.file.Sync()
}

// remove ends the marker: nothing is left to be done.
func (m *marker) remove() error { return errors.Join(os.Remove(m.file.Name()), m.file.Close()) }

// release leaves the marker for another time.
func (m *marker) release() { _ = m.file.Close() }
