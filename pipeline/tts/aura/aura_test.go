package aura

import (
	"testing"

	"go.uber.org/goleak"

	"trunkline/pipeline"
	"trunkline/pipeline/tts/aura/auratest"
	"trunkline/pipeline/tts/ttssuite"
	"trunkline/pipeline/tts/ttstest"
	"trunkline/pipeline/vendor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSynthesizer(t *testing.T) {
	t.Parallel()
	ttssuite.Run(t,
		func() ttstest.Vendor { return auratest.New() },
		func(url, key string) pipeline.Synthesizer {
			return New(Config{BaseURL: url, Key: vendor.Key(key), Voice: "anna"})
		})
}
