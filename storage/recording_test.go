package storage

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRecordingIsSaved(t *testing.T) {
	t.Parallel()
	s := open(t)
	h := sampleHistory()
	r := Recording{
		CallID: h.Call.ID, File: "x.wav.sealed", KeyID: "0011223344556677", Length: 28500 * time.Millisecond,
		Paused: 1500 * time.Microsecond, Bytes: 912_044, SHA256: "ab", Cut: true, Problem: "no space left on device",
		UploadTries: 3, UploadProblem: "status 500",
	}
	if err := s.SaveRecording(t.Context(), r); !errors.Is(err, ErrNotFound) {
		t.Errorf("before the call's record: %v, want ErrNotFound", err)
	}
	j := journal(t, s, Owner{})
	record(j, h)
	flush(t, j)
	j.Stop(t.Context())
	if got, err := s.Call(t.Context(), h.Call.ID); err != nil || got.Recording != nil {
		t.Errorf("Recording = %v, %v before it is saved", got.Recording, err)
	}
	done := r
	done.UploadedAt, done.UploadedTo, done.UploadTries, done.UploadProblem, done.DeletedAt = at(40), "https://example.net/x", 4, "", at(41)
	for _, want := range []Recording{r, done, done} {
		if err := s.SaveRecording(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		got, err := s.Call(t.Context(), h.Call.ID)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(&want, got.Recording); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}
