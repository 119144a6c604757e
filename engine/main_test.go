package engine

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"trunkline/pipeline/llm/llmtest"
)

// The variables that the tests' configurations name.
const (
	goodKey  = "TRUNKLINE_ENGINE_TEST_GOOD"
	wrongKey = "TRUNKLINE_ENGINE_TEST_WRONG"
	noKey    = "TRUNKLINE_ENGINE_TEST_NONE"

	wrong = "sk-wrong-7f3a"
)

func TestMain(m *testing.M) {
	for name, value := range map[string]string{goodKey: llmtest.Key, wrongKey: wrong} {
		if err := os.Setenv(name, value); err != nil { // before any test: they run side by side
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}
