package elevenlabs

import (
	"testing"

	"go.uber.org/goleak"

	"trunkline/pipeline"
	"trunkline/pipeline/tts/elevenlabs/elevenlabstest"
	"trunkline/pipeline/tts/ttssuite"
	"trunkline/pipeline/tts/ttstest"
	"trunkline/pipeline/vendor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSynthesizer(t *testing.T) {
	t.Parallel()
	ttssuite.Run(t,
		func() ttstest.Vendor { return elevenlabstest.New() },
		func(url, key string) pipeline.Synthesizer {
			return New(Config{BaseURL: url, Key: vendor.Key(key), Voice: "anna", Model: "test", Ready: 1})
		})
}

func FuzzAlignment(f *testing.F) {
	f.Add("We open", 120, 3)
	f.Fuzz(func(t *testing.T, text string, start, step int) {
		var a alignment
		for i, c := range []rune(text) {
			a.Chars = append(a.Chars, string(c))
			a.Starts = append(a.Starts, start+i*step)
		}
		var p placing
		for _, w := range p.next(&a, 160) {
			if w.Text == "" {
				t.Fatal("an empty word")
			}
		}
	})
}
