package acceptance

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trunkline/call"
	"trunkline/compliance/redact"
	"trunkline/config"
	"trunkline/engine"
	"trunkline/pipeline/turn"
	"trunkline/storage"
)

// replay runs the recorded events of every call through a new turn machine:
// it must do what the call's own did.
func (g *gateway) replay(t *testing.T) {
	t.Helper()
	filled, err := config.Load(g.file, config.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	settings := engine.Conversation(&filled.Agents[0]).Turn
	var calls, events int
	for _, c := range g.calls(t) {
		h, err := g.store.Call(context.Background(), c.ID) // the test's own is over when this cleans up
		if err != nil {
			t.Fatal(err)
		}
		calls, events = calls+1, events+len(h.Events)
		replayCall(t, settings, &h)
	}
	t.Logf("%d calls with %d events replayed", calls, events)
}

func replayCall(t *testing.T, c turn.Config, h *storage.History) {
	t.Helper()
	var events []turn.Event
	var want [][]turn.Action
	for i := range h.Events {
		if h.Events[i].Seq != i {
			t.Errorf("call %s: event %d is missing", h.Call.ID, i)

			return
		}
		var step call.StepData
		if err := json.Unmarshal(h.Events[i].Data, &step); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(step.Event.Text, redact.CardMark) {
			return // what was taken out was acted on
		}
		events, want = append(events, step.Event), append(want, step.Actions)
	}
	if !h.Call.AnsweredAt.IsZero() && len(events) == 0 {
		t.Errorf("call %s was answered and has no events", h.Call.ID)
	}
	if diff := cmp.Diff(want, turn.Replay(c, events), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("call %s replays differently (-recorded +replayed):\n%s", h.Call.ID, diff)
	}
}
