package vad_test

import (
	"bytes"
	"io/fs"
	"path"
	"testing"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/media/vad"
	"trunkline/testdata"
)

// TestCallersAreFound plays the caller's lines and room noise, and compares
// what the gate finds with the loud frames.
func TestCallersAreFound(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(testdata.Files, "audio/*.wav")
	if err != nil || len(files) == 0 {
		t.Fatalf("no audio in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(path.Base(file), func(t *testing.T) {
			t.Parallel()
			data, err := fs.ReadFile(testdata.Files, file)
			if err != nil {
				t.Fatal(err)
			}
			a, err := record.DecodeWAV(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			d, g := detector(t), vad.NewGate(vad.DefaultGate())
			const audible, loud = -50, -30 // dBov; a hum swells from the one to the other
			firstAudible, firstLoud, lastLoud := -1, -1, -1
			onset, began, ended, n := -1, -1, -1, 0
			var f media.Frame
			for in := a.Samples[0]; len(in) >= len(f); in = in[len(f):] {
				copy(f[:], in)
				level := vad.Level(&f)
				if level >= audible && firstAudible < 0 {
					firstAudible = n
				}
				if level >= loud {
					lastLoud = n
					if firstLoud < 0 {
						firstLoud = n
					}
				}
				switch change := g.Step(d.Voiced(&f), level); {
				case change == vad.Onset && onset < 0:
					onset, began = n, n-g.Ago()
				case change == vad.Offset:
					ended = n - g.Ago()
				}
				n++
			}
			t.Logf("loud %d to %d; onset in %d, speech %d to %d", firstLoud, lastLoud, onset, began, ended)
			switch path.Base(file) {
			case "room.wav":
				if onset >= 0 {
					t.Errorf("speech in an empty room in frame %d", onset)
				}
			case "cough.wav": // not speech, but it sounds like it
			default:
				if began < firstAudible-5 || began > firstLoud || onset > firstLoud+3 {
					t.Errorf("found in frame %d that speech began in %d; it is audible from %d and loud from %d on", onset, began, firstAudible, firstLoud)
				}
				if !g.Talking() && (ended < lastLoud || ended > lastLoud+20) {
					t.Errorf("speech ended in frame %d; it is loud to %d", ended, lastLoud)
				}
			}
		})
	}
}
