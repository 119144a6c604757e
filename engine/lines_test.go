package engine

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"testing"

	"trunkline/pipeline"
	"trunkline/pipeline/tts/ttstest"
)

// TestFixedLinesOutliveTheVoice starts an agent three times: with its voice,
// without it, and without it in a new directory.
func TestFixedLinesOutliveTheVoice(t *testing.T) {
	t.Parallel()
	v := newVendors(t)
	a := v.agent(t, trio)
	texts := pipeline.Texts{Greeting: "Hello.", Goodbye: "Goodbye."}
	state := t.TempDir()
	start := func(dir string) (*pipeline.Lines, error) {
		s, err := Open(t.Context(), Options{StateDir: dir, Log: slog.New(slog.DiscardHandler)}, a)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pipeline.PrepareLines(t.Context(), s.Lines, texts)

		return lines, errors.Join(err, s.Close())
	}
	v.elevenlabs.Script().Say(ttstest.Reply{Octets: bytes.Repeat([]byte{0x10, 0x90}, 800)})
	if _, err := start(state); err != nil {
		t.Fatal(err)
	}
	asked := len(v.elevenlabs.Script().Asked())
	v.elevenlabs.Script().Say(ttstest.Reply{Status: http.StatusServiceUnavailable})
	lines, err := start(state)
	if err != nil {
		t.Fatal(err)
	}
	if samples, _ := lines.Audio("greeting"); asked != 2 || len(v.elevenlabs.Script().Asked()) != asked || len(samples) != 1600 {
		t.Errorf("%d samples; asked for %d sentences, then for %d", len(samples), asked, len(v.elevenlabs.Script().Asked()))
	}
	if _, err := start(t.TempDir()); pipeline.Fault(err).Kind != pipeline.Unavailable {
		t.Errorf("without kept lines: %v", err)
	}
}
