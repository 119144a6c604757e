package engine

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"trunkline/pipeline/vendortest"
)

// The variables that the tests' configurations name.
const (
	goodKey  = "TRUNKLINE_ENGINE_TEST_GOOD"
	wrongKey = "TRUNKLINE_ENGINE_TEST_WRONG"
	noKey    = "TRUNKLINE_ENGINE_TEST_NONE"

	wrong = "sk-wrong-7f3a"
)

func TestMain(m *testing.M) {
	keys := map[string]string{goodKey: vendortest.Key, wrongKey: wrong}
	for _, vendor := range []string{"DEEPGRAM", "ASSEMBLYAI", "OPENAI", "ANTHROPIC", "GEMINI", "ELEVENLABS", "CARTESIA"} {
		keys[vendor+"_API_KEY"] = vendortest.Key // of the samples
	}
	for name, value := range keys {
		if err := os.Setenv(name, value); err != nil { // before any test: they run side by side
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}
