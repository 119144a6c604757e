package call

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"trunkline/media/record"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// Recordings begin and take back the recordings of calls; *archive.Archive is
// one. Neither method waits for more than the disk.
type Recordings interface {
	// Begin begins the recording of a call and tells its path.
	Begin(call uuid.UUID) (r *record.Recorder, path string, err error)
	// Finish closes a recording and returns what was wrong with it.
	Finish(r *record.Recorder) error
}

// Errors of Manager.PauseRecording.
var (
	ErrNotRunning  = errors.New("the call does not run on this node")
	ErrNotRecorded = errors.New("the call is not recorded")
)

// PauseRecording pauses a running call's recording, or resumes it. by is who
// asked for it, for the record. It is no error, and no event, when the
// recording is in that state already.
func (m *Manager) PauseRecording(id uuid.UUID, paused bool, by string) error {
	m.mu.Lock()
	c := m.calls[id]
	m.mu.Unlock()
	if c == nil {
		return fmt.Errorf("call %s: %w", id, ErrNotRunning)
	}
	return c.pauseRecording(paused, by)
}

func (c *call) pauseRecording(paused bool, by string) error {
	r := c.recorder.Load()
	if r == nil || c.notes.keep.off.Load() {
		return fmt.Errorf("call %s: %w", c.rec.ID, ErrNotRecorded)
	}
	change, what := r.Resume, "resumed"
	if paused {
		change, what = r.Pause, "paused"
	}
	if change() {
		c.notes.recording(what + " by " + by)
		c.log.Info("recording "+what, slog.String("by", by))
	}
	return nil
}

// mask pauses the recording while a caller keys in what nobody may keep. A
// recording that was paused before stays so.
func (c *call) mask(on bool) {
	r := c.recorder.Load()
	switch {
	case r == nil:
	case on && r.Pause():
		c.masked.Store(true)
		c.notes.recording("paused while the caller keys in a secret")
	case !on && c.masked.Swap(false):
		r.Resume()
		c.notes.recording("resumed after it")
	}
}

// startRecording begins the recording when recordings are wanted. A disk that
// fails does not cost the caller the call.
func (c *call) startRecording() *record.Recorder {
	if c.m.cfg.Recordings == nil {
		return nil
	}
	r, path, err := c.m.cfg.Recordings.Begin(c.rec.ID)
	if err != nil {
		c.log.Error("the call is not recorded", slog.Any("error", err))
		c.notes.recording("not begun: " + err.Error())

		return nil
	}
	c.rec.Recording = path
	c.recorder.Store(r)

	return r
}

// recordingFailed receives when the recording has ended before the call.
func (c *call) recordingFailed() <-chan struct{} {
	if r := c.recorder.Load(); r != nil {
		return r.Failed()
	}

	return nil
}

// noteFailedRecording tells why the rest of the call is not recorded.
func (c *call) noteFailedRecording() {
	err := c.recorder.Load().Err()
	c.log.Error("the rest of the call is not recorded", slog.Any("error", err))
	c.notes.recording("stopped: " + err.Error())
}

func (c *call) stopRecording() {
	r := c.recorder.Load()
	if r == nil {
		return
	}
	if err := c.m.cfg.Recordings.Finish(r); err != nil {
		c.log.Error("the recording is incomplete", slog.Any("error", err))
	}
	if n := r.Dropped(); n > 0 {
		c.log.Warn("the disk was too slow for the recording", slog.Uint64("silent_ticks", n))
	}
}

// recordingChanged is the kind of a recorded event that is not the turn
// machine's: what became of the recording, in Text. The turn machine does
// nothing with it.
const recordingChanged turn.EventKind = "recording"

// recording notes what became of the recording.
func (n *notes) recording(what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.event(time.Since(n.offered), StepData{Event: turn.Event{Kind: recordingChanged, Text: what}})
}

// recordingStory tells of a call's recording, in sentences.
func recordingStory(path string, r *storage.Recording) []string {
	lines := []string{"Recorded in " + path + " (left: caller, right: agent)."}
	if r == nil {
		return lines
	}
	about := "It has " + seconds(r.Length)
	if r.Paused > 0 {
		about += ", of which " + seconds(r.Paused) + " were paused"
	}
	if r.KeyID != "" {
		about += ", and is encrypted with key " + r.KeyID
	}
	lines = append(lines, about+".")
	if r.Cut {
		lines = append(lines, "It ends before the call does: "+r.Problem+".")
	}
	switch {
	case !r.UploadedAt.IsZero():
		lines = append(lines, fmt.Sprintf("A copy arrived at %s with try %d.", r.UploadedTo, r.UploadTries))
	case r.UploadProblem != "":
		lines = append(lines, fmt.Sprintf("No copy has arrived after %d tries: %s.", r.UploadTries, r.UploadProblem))
	}
	if !r.DeletedAt.IsZero() {
		lines = append(lines, "The file here was deleted after that.")
	}

	return lines
}
