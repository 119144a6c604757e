package call

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trunkline/pipeline"
	"trunkline/storage"
)

func TestAConversationKnowsTheNumbersOfItsCall(t *testing.T) {
	t.Parallel()
	own := map[string]string{"business": "Acme"}
	settings := pipeline.Config{Vars: own}
	c := &call{rec: storage.Call{ID: storage.NewID(), From: "+15550100", To: ""}, notes: &notes{}}
	c.scope(&settings)
	if d := cmp.Diff(map[string]string{"business": "Acme", "caller": "+15550100"}, settings.Vars); d != "" {
		t.Errorf("values (-want +got):\n%s", d)
	}
	if len(own) != 1 || settings.CallID != c.rec.ID.String() || settings.Keys == nil {
		t.Errorf("agent's values %q, call %q", own, settings.CallID)
	}
}

func TestPressStopsWithItsContext(t *testing.T) {
	t.Parallel()
	c := &call{m: &Manager{}, rec: storage.Call{ID: storage.NewID()}}
	if err := c.press(t.Context(), "1"); err == nil {
		t.Error("a key was sent to no call")
	}
	if err := c.press(t.Context(), "w"); err != nil {
		t.Errorf("a wait: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.press(ctx, "w1"); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that was cancelled: %v", err)
	}
}
