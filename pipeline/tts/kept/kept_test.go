package kept

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"trunkline/pipeline"
	"trunkline/pipeline/declared"
)

var errDown = errors.New("the voice is down")

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}

	return s
}

// say is how long the audio of a text is, and how many words it has.
func say(t *testing.T, v pipeline.Synthesizer, text string) (samples, words int, err error) {
	t.Helper()
	for sp, err := range v.Synthesize(t.Context(), text) {
		if err != nil {
			return samples, words, err
		}
		samples += len(sp.Samples)
		words += len(sp.Words)
	}

	return samples, words, nil
}

func TestWhatWasSaidIsSaidAgainWithoutTheVoice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	up := &declared.Voice{PerWord: 200 * time.Millisecond}
	down := &declared.Voice{Faults: declared.Every(declared.Fault{Err: errDown})}
	want, words, err := say(t, open(t, dir).Voice(open(t, dir).Recorder("anna 1", up), "anna 1"), "Hello there.")
	if err != nil || want == 0 || words != 2 {
		t.Fatal(want, words, err)
	}
	s := open(t, dir) // another start
	for name, tc := range map[string]struct {
		voices []string
		text   string
		good   bool
	}{
		"the same":                   {[]string{"anna 1"}, "Hello there.", true},
		"another text":               {[]string{"anna 1"}, "Hello.", false},
		"another setting":            {[]string{"anna 2"}, "Hello there.", false},
		"the next voice has said it": {[]string{"bert", "anna 1"}, "Hello there.", true},
	} {
		got, n, err := say(t, s.Voice(s.Recorder(tc.voices[0], down), tc.voices...), tc.text)
		if tc.good && (err != nil || got != want || n != words) || !tc.good && (!errors.Is(err, errDown) || got != 0) {
			t.Errorf("%s: %d samples, %d words, %v", name, got, n, err)
		}
	}
}

func TestTheFirstVoiceIsAskedBeforeTheNextIsRemembered(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	slow, fast := &declared.Voice{PerWord: 400 * time.Millisecond}, &declared.Voice{PerWord: 100 * time.Millisecond}
	if _, _, err := say(t, s.Recorder("fast", fast), "Hello."); err != nil {
		t.Fatal(err)
	}
	if got, _, err := say(t, s.Voice(s.Recorder("slow", slow), "slow", "fast"), "Hello."); err != nil || got != 3200 {
		t.Errorf("%d samples, %v", got, err)
	}
}

func TestHalfASentenceIsNotKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	cut := &declared.Voice{FirstAudio: time.Millisecond, Speed: 100, Faults: declared.Every(declared.Fault{After: 1, Err: errDown})}
	got, _, err := say(t, s.Voice(s.Recorder("anna", cut), "anna"), "Hello there, how are you?")
	if !errors.Is(err, errDown) || got == 0 {
		t.Errorf("%d samples, %v", got, err)
	}
	for range s.Recorder("anna", &declared.Voice{Speed: 100}).Synthesize(t.Context(), "Hello there, how are you?") {
		break // nobody wants the rest
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("kept %v", files)
	}
}

func TestBrokenAndOldFilesAreForgotten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	up := &declared.Voice{}
	for _, text := range []string{"Old.", "Broken.", "New."} {
		if _, _, err := say(t, s.Recorder("anna", up), text); err != nil {
			t.Fatal(err)
		}
	}
	long := time.Now().Add(-unused - time.Hour)
	if err := errors.Join(os.WriteFile(s.path("anna", "Broken."), []byte("x"), 0o600), os.Chtimes(s.path("anna", "Old."), long, long)); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	for text, want := range map[string]bool{"Old.": false, "Broken.": false, "New.": true} {
		if _, ok := s.load("anna", text); ok != want {
			t.Errorf("%s: %t", text, ok)
		}
	}
}

func TestADirectoryThatCannotBe(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "lines"), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("it opens")
	}
}
