package call

import (
	"errors"
	"slices"
	"testing"
	"time"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/storage"
)

// A recording that is begun later has silence up to there, one that is stopped
// ends there, and nothing brings it back.
func TestRecordingWhenAsked(t *testing.T) {
	o := options{recordings: t.TempDir(), limits: Limits{Cap: 30 * time.Second, WarnBefore: time.Second}}
	inBubble(t, o, func(r *rig) {
		r.manager.cfg.RecordWhenAsked = true
		r.talk()
		id := rowsOf[storage.Call](r.journal)[0].ID
		for _, to := range []RecordingState{RecordingPaused, RecordingStopped} {
			r.same("before it was begun: "+string(to), true, errors.Is(r.manager.SetRecording(id, to, "x"), ErrNotRecorded))
		}
		answered := time.Now()
		speakUp(r)
		time.Sleep(3 * time.Second)
		begun := time.Since(answered)
		for _, to := range []RecordingState{RecordingOn, RecordingOn} {
			if err := r.manager.SetRecording(id, to, "anna"); err != nil {
				r.Fatal(err)
			}
		}
		speakUp(r)
		time.Sleep(3 * time.Second)
		stopped := time.Since(answered)
		for range 2 {
			if err := r.manager.SetRecording(id, RecordingStopped, "anna"); err != nil {
				r.Fatal(err)
			}
		}
		speakUp(r)
		time.Sleep(3 * time.Second)
		r.same("after it was stopped", true, errors.Is(r.manager.SetRecording(id, RecordingOn, "x"), ErrRecordingOver))
		got := r.end()
		r.same("events", []string{"begun by anna", "stopped by anna"}, r.recordingEvents())
		a, err := record.ReadWAV(got.Recording)
		if err != nil {
			r.Fatal(err)
		}
		loudest := func(of []int16) (most int16) {
			for _, s := range of {
				most = max(most, s, -s)
			}

			return most
		}
		const edge = 100 * time.Millisecond
		caller := a.Samples[0]
		if l := loudest(caller[:media.SamplesIn(begun-edge)]); l != 0 {
			r.Errorf("a peak of %d before the recording was begun", l)
		}
		if l := loudest(caller[media.SamplesIn(begun+edge):]); l < 1000 {
			r.Errorf("a peak of %d while it ran", l)
		}
		length := media.Samples(len(caller)).Duration()
		if off := length - stopped; off > time.Second || off < -time.Second {
			r.Errorf("%v are recorded of a call whose recording was stopped after %v", length, stopped)
		}
	})
}

// The carrier's own recording does what ours does.
func TestCarrierRecordsToo(t *testing.T) {
	byTwilio(t, options{recordings: t.TempDir()}, Target{}, func(w *twilioWorld) {
		c := w.calls(storage.Inbound)
		is := func(want ...string) {
			w.Helper()
			w.until("the carrier's recording to be "+want[len(want)-1], func() bool { return slices.Equal(c.Recordings(), want) })
		}
		is("in-progress")
		id := rowsOf[storage.Call](w.journal)[0].ID
		w.manager.mu.Lock()
		here := w.manager.calls[id]
		w.manager.mu.Unlock()
		set := func(to RecordingState) {
			w.Helper()
			if err := w.manager.SetRecording(id, to, "anna"); err != nil {
				w.Fatal(err)
			}
		}
		set(RecordingPaused)
		is("paused")
		set(RecordingOn)
		is("in-progress")
		here.mask(true)
		is("paused")
		here.mask(false)
		is("in-progress")
		set(RecordingStopped)
		is("stopped")
		if err := c.Line().Hangup(w.Context(), ""); err != nil {
			w.Fatal(err)
		}
		w.over()
		events := w.recordingEvents()
		for _, want := range []string{"the carrier's own: recording", "the carrier's own: paused", "the carrier's own: stopped"} {
			if !slices.Contains(events, want) {
				w.Errorf("no event %q in %q", want, events)
			}
		}
	})
}

func TestCarrierSteps(t *testing.T) {
	t.Parallel()
	const none = RecordingState("")
	for _, tt := range []struct {
		from, to RecordingState
		want     recordingStep
	}{
		{none, none, noStep},
		{none, RecordingOn, beginRecording},
		{none, RecordingPaused, noStep},
		{none, RecordingStopped, noStep},
		{RecordingOn, RecordingPaused, pauseRecording},
		{RecordingPaused, RecordingOn, resumeRecording},
		{RecordingOn, RecordingOn, noStep},
		{RecordingOn, RecordingStopped, stopRecording},
		{RecordingPaused, RecordingStopped, stopRecording},
		{RecordingStopped, RecordingOn, noStep},
		{RecordingStopped, RecordingStopped, noStep},
	} {
		if got := stepTo(tt.from, tt.to); got != tt.want {
			t.Errorf("from %q to %q: %q, want %q", tt.from, tt.to, got, tt.want)
		}
	}
}
