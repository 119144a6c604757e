package call

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A carrierRecorder is a door whose carrier records the call as well.
type carrierRecorder interface {
	// RecordsAtCarrier reports whether that is wanted.
	RecordsAtCarrier() bool
	// RecordAtCarrier asks for a step: begin, pause, go on or stop.
	RecordAtCarrier(ctx context.Context, s recordingStep) error
}

// recordingStep is what a carrier is asked to do with its recording.
type recordingStep string

// The steps.
const (
	noStep          recordingStep = ""
	beginRecording  recordingStep = "begin"
	pauseRecording  recordingStep = "pause"
	resumeRecording recordingStep = "resume"
	stopRecording   recordingStep = "stop"
)

// stepTo is the step that brings a carrier's recording from one state to
// another; "" is that of one which has not begun.
func stepTo(from, to RecordingState) recordingStep {
	switch {
	case from == to, from == RecordingStopped, from == "" && to != RecordingOn:
		return noStep
	case from == "":
		return beginRecording
	case to == RecordingOn:
		return resumeRecording
	case to == RecordingPaused:
		return pauseRecording
	default:
		return stopRecording
	}
}

const (
	carrierStepBound = 10 * time.Second // of one request to the carrier
	carrierTries     = 3                // of one step, a second apart
)

// carrierRecording has the carrier's own recording of a call follow ours: it
// begins when the caller may be recorded, and pauses and stops with ours. The
// carrier is some 100 ms behind. A nil one does nothing.
type carrierRecording struct {
	call *call
	by   carrierRecorder
	wake chan struct{} // filled when the state may have changed

	mu   sync.Mutex
	want RecordingState
}

// recordAtCarrier makes the call's; nil where the carrier records nothing.
func (c *call) recordAtCarrier() *carrierRecording {
	by, ok := c.door.(carrierRecorder)
	if !ok || !by.RecordsAtCarrier() {
		return nil
	}
	r := &carrierRecording{call: c, by: by, wake: make(chan struct{}, 1)}
	c.work.Go(r.run)

	return r
}

// follow looks what our recording is. It does not wait.
func (r *carrierRecording) follow() {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.want = r.call.recordingState()
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// recordingState is what the call's recording is; "" while it has not begun or
// the caller does not know of it.
func (c *call) recordingState() RecordingState {
	t := c.owed.tap
	r := t.recorder.Load()
	switch {
	case r == nil || !t.open.Load():
		return ""
	case t.stopped.Load():
		return RecordingStopped
	case r.Paused():
		return RecordingPaused
	default:
		return RecordingOn
	}
}

// run takes the steps, one after another, until the call ends.
func (r *carrierRecording) run() {
	c := r.call
	var state RecordingState
	for {
		select {
		case <-r.wake:
		case <-c.ctx.Done():
			return
		}
		r.mu.Lock()
		to := r.want
		r.mu.Unlock()
		step := stepTo(state, to)
		if step == noStep {
			continue
		}
		if err := r.take(step); err != nil {
			c.log.Error("the carrier's recording does not follow ours", slog.String("step", string(step)), slog.Any("error", err))
			c.notes.recording("the carrier did not " + string(step) + " its own: " + err.Error())

			continue
		}
		state = to
		c.notes.recording("the carrier's own: " + string(to))
	}
}

// take asks the carrier for a step, more than once if need be.
func (r *carrierRecording) take(s recordingStep) (err error) {
	for try := range carrierTries {
		if try > 0 {
			select {
			case <-time.After(time.Second):
			case <-r.call.ctx.Done():
				return err
			}
		}
		ctx, cancel := context.WithTimeout(r.call.ctx, carrierStepBound)
		err = r.by.RecordAtCarrier(ctx, s)
		cancel()
		if err == nil {
			return nil
		}
	}

	return err
}
