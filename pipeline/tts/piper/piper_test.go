package piper

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"trunkline/media"
	"trunkline/pipeline"
)

// asPiper has this test's program stand in for Piper: it takes the same
// arguments, reads a line and writes raw audio.
const asPiper = "TRUNKLINE_TEST_AS_PIPER"

func TestMain(m *testing.M) {
	if os.Getenv(asPiper) != "" {
		pretend()

		return
	}
	os.Setenv(asPiper, "1") // of the processes that are started
	goleak.VerifyTestMain(m)
}

const rate = 22_050

// pretend speaks 100 ms of a tone for each character of the line.
func pretend() {
	model := ""
	for i, a := range os.Args {
		if a == "--model" {
			model = os.Args[i+1]
		}
	}
	if _, err := os.Stat(model); err != nil {
		fmt.Fprintln(os.Stderr, "[info] loading\n[error] no voice at", filepath.Base(model))
		os.Exit(1)
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		text := in.Text()
		if text == "hang" {
			time.Sleep(time.Hour)
		}
		for n := range len(text) * rate / 10 {
			v := int16(6000 * math.Sin(2*math.Pi*440*float64(n)/rate))
			if text == "cut" && n == rate/10 {
				os.Exit(3)
			}
			_ = binary.Write(os.Stdout, binary.LittleEndian, v)
		}
	}
	os.Exit(0)
}

// voice makes a voice with a description.
func voice(t *testing.T, description string) Config {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	model := filepath.Join(t.TempDir(), "en_US-test.onnx")
	for path, content := range map[string]string{model: "weights", model + ".json": description} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	return Config{Program: program, Model: model, Ready: 1}
}

const described = `{"audio":{"sample_rate":22050},"espeak":{"voice":"en-us"}}`

func speaking(t *testing.T) *Synthesizer {
	t.Helper()
	s, err := New(voice(t, described))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})

	return s
}

func collect(ctx context.Context, s *Synthesizer, text string) (n int, err error) {
	for c, err := range s.Synthesize(ctx, text) {
		if err != nil {
			return n, err
		}
		n += len(c.Samples)
	}

	return n, nil
}

func TestSpeaks(t *testing.T) {
	t.Parallel()
	s := speaking(t)
	for range 3 {
		n, err := collect(t.Context(), s, "twelve\nchars")
		if want := 12 * media.SampleRate / 10; err != nil || n < want-1 || n > want+1 {
			t.Fatalf("%d samples, want %d, %v", n, want, err)
		}
	}
}

func TestManyAtATime(t *testing.T) {
	t.Parallel()
	s := speaking(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if n, err := collect(t.Context(), s, "five."); err != nil || n < media.SampleRate/2-1 {
				t.Errorf("%d samples, %v", n, err)
			}
		})
	}
	all.Wait()
}

func TestAProcessThatHangsIsLeft(t *testing.T) {
	t.Parallel()
	why := errors.New("the caller interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
	if _, err := collect(ctx, speaking(t), "hang"); !errors.Is(err, why) {
		t.Error(err)
	}
}

func TestAProcessThatDiesIsUnavailable(t *testing.T) {
	t.Parallel()
	n, err := collect(t.Context(), speaking(t), "cut")
	if f := pipeline.Fault(err); err == nil || f.Kind != pipeline.Unavailable || n == 0 {
		t.Errorf("%d samples, %v", n, err)
	}
}

func TestWhatItSaysOfItsErrorsIsTold(t *testing.T) {
	t.Parallel()
	c := voice(t, described)
	if err := os.Remove(c.Model); err != nil {
		t.Fatal(err)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := collect(t.Context(), s, "hello"); err == nil || !strings.Contains(err.Error(), "no voice at en_US-test.onnx") {
		t.Error(err)
	}
}

func TestBadSettings(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*Config)
		json   string
		want   string
	}{
		"no program":     {func(c *Config) { c.Program = "/nowhere/piper" }, described, "/nowhere/piper"},
		"no description": {func(c *Config) { c.Model += "x" }, described, "onnxx.json"},
		"no rate":        {func(*Config) {}, `{}`, "audio.sample_rate"},
		"absurd rate":    {func(*Config) {}, `{"audio":{"sample_rate":1}}`, "piper"},
	} {
		c := voice(t, tc.json)
		tc.change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
