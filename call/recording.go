package call

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// Recordings begin and take back the recordings of calls; *archive.Archive is
// one. No method waits for more than the disk.
type Recordings interface {
	// Begin begins the recording of a call and tells its path.
	Begin(call uuid.UUID) (r *record.Recorder, path string, err error)
	// Finish closes a recording and returns what was wrong with it.
	Finish(r *record.Recorder) error

	// Silence has stretches of a recording that is not finished yet erased before
	// anything else is made of it, also after a crash.
	Silence(r *record.Recorder, stretches ...record.Stretch) error
	// Suspect has all from a place on erased if the process dies before Finish,
	// unless it is told otherwise before: by another place, or by one below 0.
	Suspect(r *record.Recorder, from media.Samples) error
	// Destroy has the whole recording destroyed, and tells why in its record.
	Destroy(r *record.Recorder, why string) error
}

// RecordingState is what a running call's recording is to be.
type RecordingState string

// The states.
const (
	RecordingOn      RecordingState = "recording" // begun, or gone on with
	RecordingPaused  RecordingState = "paused"    // nothing is kept, time goes on
	RecordingStopped RecordingState = "stopped"   // for good
)

// Errors of Manager.SetRecording.
var (
	ErrNotRunning    = errors.New("the call does not run on this node")
	ErrNotRecorded   = errors.New("the call is not recorded")
	ErrRecordingOver = errors.New("the call's recording was stopped for good")
)

// recordingBound is how long a call may take to begin or stop its recording.
const recordingBound = 5 * time.Second

// recordingAsk is a wish for a state.
type recordingAsk struct {
	to   RecordingState
	by   string
	done chan error // has room for one
}

// SetRecording begins, pauses, goes on with or stops the recording of a running
// call that was answered. by is who asked for it, for the record. It is no
// error, and no event, when the recording is in that state already.
func (m *Manager) SetRecording(id uuid.UUID, to RecordingState, by string) error {
	m.mu.Lock()
	c := m.calls[id]
	m.mu.Unlock()
	if c == nil {
		return fmt.Errorf("call %s: %w", id, ErrNotRunning)
	}
	timer := time.NewTimer(recordingBound)
	defer timer.Stop()
	ask := recordingAsk{to, by, make(chan error, 1)}
	select {
	case c.asks <- ask:
	case <-timer.C: // it rings, or ends
		return fmt.Errorf("call %s: %w", id, ErrNotRunning)
	}
	if err := <-ask.done; err != nil {
		return fmt.Errorf("call %s: %w", id, err)
	}

	return nil
}

// askedFor answers a wish. It returns what receives when the recording fails,
// which was failed before.
func (c *call) askedFor(a recordingAsk, failed <-chan struct{}) <-chan struct{} {
	begun := c.recorder.Load() != nil
	a.done <- c.setRecording(a)
	if begun {
		return failed
	}

	return c.recordingFailed()
}

// setRecording is SetRecording on the call's goroutine.
func (c *call) setRecording(a recordingAsk) error {
	t, r := c.owed.tap, c.recorder.Load()
	switch {
	case t == nil || c.notes.keep.off.Load():
		return ErrNotRecorded
	case t.stopped.Load():
		if a.to == RecordingStopped {
			return nil
		}

		return ErrRecordingOver
	case r == nil && a.to != RecordingOn:
		return ErrNotRecorded
	}
	var what string
	switch {
	case r == nil:
		if err := c.startRecording(); err != nil {
			return err
		}
		c.m.cfg.Journal.Update(c.rec)
		what = "begun"
	case a.to == RecordingPaused && r.Pause():
		what = "paused"
	case a.to == RecordingOn && r.Resume():
		what = "resumed"
	case a.to == RecordingStopped:
		t.stopped.Store(true)
		what = "stopped"
	default:
		return nil
	}
	c.carrier.follow()
	c.notes.recording(what + " by " + a.by)
	c.log.Info("recording "+what, slog.String("by", a.by))

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
		c.carrier.follow()
		c.notes.recording("paused while the caller keys in a secret")
	case !on && c.masked.Swap(false):
		r.Resume()
		c.carrier.follow()
		c.notes.recording("resumed after it")
	}
}

// startRecording begins the recording. A disk that fails does not cost the
// caller the call.
func (c *call) startRecording() error {
	r, path, err := c.m.cfg.Recordings.Begin(c.rec.ID)
	if err != nil {
		c.log.Error("the call is not recorded", slog.Any("error", err))
		c.notes.recording("not begun: " + err.Error())

		return err
	}
	c.rec.Recording = path
	c.recorder.Store(r)
	c.owed.tap.recorder.Store(r)
	c.carrier.follow()
	c.notes.recorded.Store(true)

	return nil
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
	if r.Silenced > 0 {
		lines = append(lines, seconds(r.Silenced)+" of it were erased: a card number was said there.")
	}
	switch {
	case r.Destroyed != "":
		lines = append(lines, "It was destroyed: "+r.Destroyed+".")
	case !r.DeletedAt.IsZero():
		lines = append(lines, "The file here was deleted after that.")
	}

	return lines
}
