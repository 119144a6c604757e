//go:build offline

package sphinx

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trunkline/media"
	"trunkline/media/record"
	"trunkline/pipeline/llm/script"
)

const samples = "../../../testdata"

// line is one of a caller's lines, cut as voice activity detection would: from
// 300 ms before the speech to 200 ms after it.
type line struct {
	name  string
	text  string
	audio []media.Frame
	onset int // the frame that speech begins in
}

// level above which a frame counts as speech here; the files peak at half of
// full scale and have no noise between words.
const speechLevel = 800

func readLines(tb testing.TB) []line {
	tb.Helper()
	list, err := os.ReadFile(filepath.Join(samples, "audio", "lines.tsv"))
	if err != nil {
		tb.Fatal(err)
	}
	var lines []line
	for row := range strings.Lines(string(list)) {
		columns := strings.Split(strings.TrimSpace(row), "\t")
		if strings.HasPrefix(row, "#") || len(columns) != 3 {
			continue
		}
		l := line{name: columns[0], text: columns[2]}
		l.audio, l.onset = readSpurt(tb, columns[0])
		lines = append(lines, l)
	}
	return lines
}

func readSpurt(tb testing.TB, name string) (frames []media.Frame, onset int) {
	tb.Helper()
	audio, err := record.ReadWAV(filepath.Join(samples, "audio", name+".wav"))
	if err != nil {
		tb.Fatal(err)
	}
	const before, after = 15, 10 // frames
	all := make([]media.Frame, before, 200)
	for rest := audio.Samples[0]; len(rest) >= media.FrameSamples; rest = rest[media.FrameSamples:] {
		all = append(all, media.Frame(rest[:media.FrameSamples]))
	}
	all = append(all, make([]media.Frame, after)...)
	first, last := len(all), 0
	for i := range all {
		for _, sample := range all[i] {
			if sample > speechLevel || sample < -speechLevel {
				first, last = min(first, i), i
			}
		}
	}
	if first > last {
		tb.Fatalf("%s.wav is silent", name)
	}
	return all[first-before : min(len(all), last+after)], before
}

// reception is the Config for the sample agent.
func reception(tb testing.TB, mode Mode) Config {
	tb.Helper()
	if _, err := os.Stat(debianAcousticModel); err != nil {
		if os.Getenv("TRUNKLINE_REQUIRE_PEERS") != "" {
			tb.Fatal(err)
		}
		tb.Skip("Debian's pocketsphinx-en-us is not installed")
	}
	desk, err := script.Load(filepath.Join(samples, "scripts", "reception.yaml"))
	if err != nil {
		tb.Fatal(err)
	}
	return Config{Mode: mode, Phrases: desk.Phrases(), Cache: tb.TempDir()}
}
