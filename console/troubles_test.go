package console

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trunkline/storage"
)

func TestProviderFacts(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	h := &storage.History{Call: storage.Call{
		StartedAt: start, AnsweredAt: start.Add(time.Second),
		Costs: []storage.Cost{{Stage: "think", Provider: "gpt", Amount: 12_300_000}},
	}}
	for i, e := range []struct{ kind, data string }{
		{"warm_failed", `{"event": {"stage": "speak", "text": "connection refused"}}`},
		{"final", `{"event": {"text": "secret words"}}`},
		{"provider_failed", `{"event": {"stage": "think", "provider": "gpt", "fault": "rate_limited", "text": "429"}}`},
		{"provider_took", `{"event": {"stage": "think", "provider": "claude", "took_ns": 310000000}}`},
		{"provider_failed", `"written by an older version"`},
	} {
		h.Events = append(h.Events, storage.Event{At: time.Duration(i) * time.Second, Kind: e.kind, Data: json.RawMessage(e.data)})
	}
	want := []fact{
		{"Cost to think", "0.0123", "gpt"},
		{"Not connected in time", "speak", "connection refused"},
		{"Failed at 0:01.0", "gpt, rate limited", "429"},
		{"Took over at 0:02.0", "claude", "310 ms after the failure was found"},
	}
	if diff := cmp.Diff(want, providerFacts(h)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
