package vendorsuite

import (
	"context"
	"strings"
	"testing"

	"trunkline/pipeline"
	"trunkline/pipeline/vendortest"
)

// wrongKey is a key that the tests' servers refuse.
const wrongKey = "sk-wrong"

// checker is a provider that can tell whether its key is good.
type checker interface {
	Check(ctx context.Context) error
}

// Keys holds a vendor against good and wrong keys. setup starts its server and
// gives the provider that has the key, and a use of it that its server refuses
// without a good one.
func Keys(t *testing.T, setup func(t *testing.T, key string) (provider any, use func() error)) {
	t.Helper()
	t.Run("key is checked", func(t *testing.T) {
		t.Parallel()
		good, _ := setup(t, vendortest.Key)
		wrong, _ := setup(t, wrongKey)
		checkKey(t, good, wrong)
	})
	t.Run("wrong key", func(t *testing.T) {
		t.Parallel()
		_, use := setup(t, wrongKey)
		rejected(t, use())
	})
}

// checkKey holds Check against a provider with a good key and one with a wrong
// one. A vendor may have nothing to ask: then there is no Check.
func checkKey(t *testing.T, good, wrong any) {
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
	rejected(t, bad.Check(t.Context()))
}

// rejected wants the error of a wrong key, without the key in it.
func rejected(t *testing.T, err error) {
	t.Helper()
	if f := pipeline.Fault(err); err == nil || f.Kind != pipeline.Rejected {
		t.Fatalf("a wrong key: %v", err)
	}
	if strings.Contains(err.Error(), wrongKey) {
		t.Errorf("the key is in %v", err)
	}
}
