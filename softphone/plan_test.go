package softphone

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/media"
	"trunkline/media/record"
)

const samples = "../testdata/audio/"

func writeWAV(t *testing.T, name string, rate int, channels ...[]int16) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := record.WriteWAV(path, &record.Audio{Rate: rate, Channels: len(channels), Samples: channels}); err != nil {
		t.Fatal(err)
	}

	return path
}

func names(plan []Step) []string {
	var out []string
	for _, s := range plan {
		out = append(out, s.said())
	}

	return out
}

func TestPlanFromWAVs(t *testing.T) {
	t.Parallel()
	silence := func(frames int) []int16 { return make([]int16, frames*media.FrameSamples) }
	var long []int16
	for _, part := range [][]int16{silence(20), tone(50), silence(20), tone(30), silence(40), tone(25), silence(3)} {
		long = append(long, part...)
	}
	plan, err := PlanFromWAVs(writeWAV(t, "long.wav", 8000, long))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"long#1", "long#2"}, names(plan)); diff != "" {
		t.Errorf("one file (-want +got):\n%s", diff)
	}
	// 100 ms before the first talkspurt, 200 ms after the first two, which
	// are 400 ms apart; the last has 60 ms left.
	if got := plan[0].Clip.Duration(); got != (5+50+20+30+10)*frame {
		t.Errorf("first clip lasts %v", got)
	}
	if got := plan[1].Clip.Duration(); got != (5+25+3)*frame {
		t.Errorf("second clip lasts %v", got)
	}

	plan, err = PlanFromWAVs(samples+"tuesday.wav", samples+"cough.wav", samples+"room.wav")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"tuesday", "cough", "room"}, names(plan)); diff != "" {
		t.Errorf("several files (-want +got):\n%s", diff)
	}
	if plan[0].Clip.speech.End == 0 || plan[1].Clip.speech.End == 0 || plan[2].Clip.speech.End != 0 {
		t.Errorf("speech found in %v, %v, %v", plan[0].Clip.speech, plan[1].Clip.speech, plan[2].Clip.speech)
	}
}

// Every sample of a caller's line is one talkspurt with the silence that the
// samples and their voice have: at least 100 ms before and 160 ms after.
func TestSamplesAreOneTurn(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(samples + "*.wav")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d samples, %v", len(paths), err)
	}
	for _, path := range paths {
		clip, err := ReadClip(path)
		if err != nil {
			t.Fatal(err)
		}
		if clip.Name == "room" {
			continue
		}
		if n := len(clip.Split(700 * time.Millisecond)); n != 1 {
			t.Errorf("%s: %d turns", clip.Name, n)
		}
		if first, end := clip.speech.First, clip.frames()-clip.speech.End; first < 5 || first > 24 || end < 8 || end > 20 {
			t.Errorf("%s: %d frames before the speech, %d after", clip.Name, first, end)
		}
	}
}

func TestResampledClip(t *testing.T) {
	t.Parallel()
	wide := make([]int16, 16000)
	copy(wide[4000:], tone(50)) // as read at 16 kHz: 0.5 s
	clip, err := ReadClip(writeWAV(t, "wide.wav", 16000, wide))
	if err != nil {
		t.Fatal(err)
	}
	if clip.Duration() != time.Second {
		t.Errorf("lasts %v, want 1s", clip.Duration())
	}
	if s := clip.speech; s.First < 11 || s.First > 13 || s.End < 37 || s.End > 39 {
		t.Errorf("speech in frames %v", s)
	}
}

func TestWrongWAVs(t *testing.T) {
	t.Parallel()
	text := filepath.Join(t.TempDir(), "text.wav")
	if err := os.WriteFile(text, []byte("no WAV at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, path, want string }{
		{"missing", "/nowhere/a.wav", "no such file"},
		{"no WAV", text, "not a WAV file"},
		{"stereo", writeWAV(t, "stereo.wav", 8000, tone(2), tone(2)), "2 channels, want one: pick one with: sox IN"},
		{"odd rate", writeWAV(t, "odd.wav", 44099, tone(2)), "sox IN -r 8000"},
		{"empty", writeWAV(t, "empty.wav", 8000, nil), "holds no audio"},
		{"silent", writeWAV(t, "silent.wav", 8000, make([]int16, 8000)), "no speech in it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			plan, err := PlanFromWAVs(test.path)
			var failure *Error
			if !errors.As(err, &failure) || failure.Kind != Usage || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("plan %v, error %v, want %q", names(plan), err, test.want)
			}
		})
	}
}

func TestWrongConfigs(t *testing.T) {
	t.Parallel()
	const target = "sip:agent@127.0.0.1"
	hello := clip("hello", 1, 5, 1)
	for _, test := range []struct {
		config Config
		want   string
	}{
		{Config{}, `"" is no SIP address`},
		{Config{Target: "agent"}, `"agent" is no SIP address`},
		{Config{Target: "tel:+15550100"}, "want sip:USER@HOST"},
		{Config{Target: "sips:agent@example.com"}, "want sip:USER@HOST"},
		{Config{Target: target, Gap: -1}, "the time -1ns is negative"},
		{Config{Target: target, Digits: "12x"}, `step 1: 'x' is no telephone key`},
		{Config{Target: target, Plan: []Step{{Clip: hello}, {}}}, "step 2: want either a clip or digits"},
		{Config{Target: target, Plan: []Step{{Clip: hello, Digits: "1"}}}, "step 1: want either"},
		{Config{Target: target, Plan: []Step{{Clip: NewClip("x", nil)}}}, "step 1: the clip x is empty"},
		{Config{Target: target, Plan: []Step{{Clip: hello, When: At(-1)}}}, "step 1: the time -1ns is negative"},
		{Config{Target: target, Record: "/nowhere/at/all.wav"}, "no such file"},
	} {
		report, err := Place(t.Context(), test.config)
		var failure *Error
		if report != nil || !errors.As(err, &failure) || failure.Kind != Usage || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", test.config, err, test.want)
		}
	}
}
