package cartesia

import (
	"testing"

	"go.uber.org/goleak"

	"trunkline/pipeline"
	"trunkline/pipeline/tts/cartesia/cartesiatest"
	"trunkline/pipeline/tts/ttssuite"
	"trunkline/pipeline/tts/ttstest"
	"trunkline/pipeline/vendor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSynthesizer(t *testing.T) {
	t.Parallel()
	ttssuite.Run(t,
		func() ttstest.Vendor { return cartesiatest.New() },
		func(url, key string) pipeline.Synthesizer {
			return New(Config{BaseURL: url, Key: vendor.Key(key), Voice: "anna", Model: "test"})
		})
}

func FuzzMessage(f *testing.F) {
	f.Add(`{"type":"timestamps","context_id":"a","word_timestamps":{"words":["We"],"start":[0.1],"end":[0.2]}}`)
	f.Add(`{"type":"timestamps","word_timestamps":{"words":["a","b"],"start":[1]}}`)
	f.Fuzz(func(t *testing.T, data string) {
		m, err := parse([]byte(data))
		if err != nil {
			return
		}
		var in inbox
		in.place(&m)
		if m.Words == nil && len(in.words()) > 0 {
			t.Fatal("words out of nothing")
		}
	})
}
