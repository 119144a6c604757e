//go:build !offline

package flite_test

import (
	"errors"
	"testing"

	"trunkline/pipeline/tts/flite"
)

func TestWithoutTheEngineNewSaysSo(t *testing.T) {
	t.Parallel()
	if _, err := flite.New(flite.Options{}); !errors.Is(err, flite.ErrNotBuilt) {
		t.Errorf("New gave %v, want ErrNotBuilt", err)
	}
}
