// Package vendorsuite holds what the suites of recognisers, models and voices
// test alike.
package vendorsuite

import (
	"context"
	"strings"
	"testing"

	"trunkline/pipeline"
)

// checker is a provider that can tell whether its key is good.
type checker interface {
	Check(ctx context.Context) error
}

// CheckKey holds Check against a provider with a good key and one whose key is
// wrongKey. A vendor may have nothing to ask: then there is no Check.
func CheckKey(t *testing.T, good, wrong any, wrongKey string) {
	t.Helper()
	c, can := good.(checker)
	if !can {
		return
	}
	if err := c.Check(t.Context()); err != nil {
		t.Errorf("a good key: %v", err)
	}
	bad, can := wrong.(checker)
	if !can {
		t.Fatalf("a %T has Check and a %T has not", good, wrong)
	}
	err := bad.Check(t.Context())
	if err == nil || pipeline.Fault(err).Kind != pipeline.Rejected {
		t.Fatalf("a wrong key: %v", err)
	}
	if strings.Contains(err.Error(), wrongKey) {
		t.Errorf("the key is in %v", err)
	}
}
