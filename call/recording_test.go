package call

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/storage"
)

// recordingEvents are what was noted of the recording.
func (r *rig) recordingEvents() (texts []string) {
	r.Helper()
	for _, e := range rowsOf[storage.Event](r.journal) {
		if e.Kind != string(recordingChanged) {
			continue
		}
		var d StepData
		if err := json.Unmarshal(e.Data, &d); err != nil {
			r.Fatal(err)
		}
		texts = append(texts, d.Event.Text)
	}

	return texts
}

// What is said in a pause is not in the file, what follows is in its place,
// and the record tells of both.
func TestRecordingPauses(t *testing.T) {
	o := options{recordings: t.TempDir(), limits: Limits{Cap: 30 * time.Second, WarnBefore: time.Second}}
	inBubble(t, o, func(r *rig) {
		r.talk()
		id := rowsOf[storage.Call](r.journal)[0].ID
		r.same("of a stranger", true, errors.Is(r.manager.SetRecording(uuid.New(), RecordingPaused, "x"), ErrNotRunning))
		answered := time.Now()
		time.Sleep(4 * time.Second)
		from := time.Since(answered)
		for range 2 {
			if err := r.manager.SetRecording(id, RecordingPaused, "operator"); err != nil {
				r.Fatal(err)
			}
		}
		speakUp(r)
		time.Sleep(3 * time.Second)
		to := time.Since(answered)
		if err := r.manager.SetRecording(id, RecordingOn, "operator"); err != nil {
			r.Fatal(err)
		}
		got := r.end()
		r.same("events", []string{"paused by operator", "resumed by operator"}, r.recordingEvents())
		r.same("afterwards", true, errors.Is(r.manager.SetRecording(id, RecordingPaused, "x"), ErrNotRunning))
		a, err := record.ReadWAV(got.Recording)
		if err != nil {
			r.Fatal(err)
		}
		length := time.Duration(len(a.Samples[0])) * time.Second / media.SampleRate
		if want := got.EndedAt.Sub(got.AnsweredAt); length < want-500*time.Millisecond {
			r.Errorf("%v of a call of %v are recorded", length, want)
		}
		pause := a.Samples[0][media.SamplesIn(from+100*time.Millisecond):media.SamplesIn(to-100*time.Millisecond)]
		loudest := int16(0)
		for _, s := range pause {
			loudest = max(loudest, s, -s)
		}
		if loudest > 2000 {
			r.Errorf("a peak of %d in the pause, which is more than its beep", loudest)
		}
	})
}

func TestUnrecordedCallCannotPause(t *testing.T) {
	inBubble(t, options{}, func(r *rig) {
		r.talk()
		id := rowsOf[storage.Call](r.journal)[0].ID
		r.same("without a recording", true, errors.Is(r.manager.SetRecording(id, RecordingPaused, "x"), ErrNotRecorded))
		r.door.end(CallerHangup)
		r.end()
	})
}

// A full disk ends the recording, the call goes on, and the record says so.
func TestFullDiskInMidCall(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("bash", "-c", `ulimit -f 100; trap '' XFSZ; exec "$0" -test.run='^TestCallOnFullDisk$' -test.v`, os.Args[0])
	cmd.Env = append(os.Environ(), "TRUNKLINE_TEST_RECORDINGS="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestCallOnFullDisk") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestCallOnFullDisk runs in a process whose files may have 100 KiB.
func TestCallOnFullDisk(t *testing.T) {
	dir := os.Getenv("TRUNKLINE_TEST_RECORDINGS")
	if dir == "" {
		t.Skip("this is a part of TestFullDiskInMidCall")
	}
	inBubble(t, options{recordings: dir, limits: Limits{Cap: 20 * time.Second, WarnBefore: time.Second}}, func(r *rig) {
		r.talk()
		r.until("a full disk", func() bool { return len(r.recordingEvents()) > 0 })
		at := time.Now()
		got := r.end()
		r.ended(got, CapReached, CapReached.Fault())
		if went := got.EndedAt.Sub(at); went < 10*time.Second {
			r.Errorf("the call went on for %v", went)
		}
		if e := r.recordingEvents(); len(e) != 1 || !strings.HasPrefix(e[0], "stopped: ") || !strings.Contains(e[0], "file too large") {
			r.Errorf("events %q", e)
		}
	})
}

// While a caller keys in a secret nothing is recorded, and a pause of the
// operator's outlasts it.
func TestSecretsPauseTheRecording(t *testing.T) {
	o := options{recordings: t.TempDir(), limits: Limits{Cap: 30 * time.Second, WarnBefore: time.Second}}
	inBubble(t, o, func(r *rig) {
		r.talk()
		id := rowsOf[storage.Call](r.journal)[0].ID
		r.manager.mu.Lock()
		c := r.manager.calls[id]
		r.manager.mu.Unlock()
		c.mask(true)
		c.mask(false)
		if err := r.manager.SetRecording(id, RecordingPaused, "operator"); err != nil {
			r.Fatal(err)
		}
		c.mask(true)
		c.mask(false)
		if err := r.manager.SetRecording(id, RecordingOn, "operator"); err != nil {
			r.Fatal(err)
		}
		r.end()
		want := []string{"paused while the caller keys in a secret", "resumed after it", "paused by operator", "resumed by operator"}
		r.same("events", want, r.recordingEvents())
	})
}
