package console

import (
	"encoding/json"
	"fmt"
	"strings"

	"trunkline/storage"
)

// providerEvent is what a recorded event says of a provider.
type providerEvent struct {
	Event struct {
		Stage    string `json:"stage"`
		Provider string `json:"provider"`
		Fault    string `json:"fault"`
		Text     string `json:"text"`
		TookNS   int64  `json:"took_ns"`
	} `json:"event"`
}

// providerFacts tell what each provider cost, which failed, and which took
// over.
func providerFacts(h *storage.History) []fact {
	var out []fact
	for _, c := range h.Call.Costs {
		out = append(out, fact{"Cost to " + c.Stage, c.Amount.String(), c.Provider})
	}
	for _, e := range h.Events {
		at := e.At - talkBegan(&h.Call).Sub(h.Call.StartedAt)
		var p providerEvent
		switch e.Kind {
		case "provider_failed", "provider_took", "warm_failed":
			if json.Unmarshal(e.Data, &p) != nil {
				continue // an older version wrote it otherwise
			}
		}
		v := &p.Event
		switch e.Kind {
		case "provider_failed":
			out = append(out, fact{"Failed at " + finely(max(0, at)), v.Provider + ", " + strings.ReplaceAll(v.Fault, "_", " "), v.Text})
		case "provider_took":
			out = append(out, fact{"Took over at " + finely(max(0, at)), v.Provider, fmt.Sprintf("%d ms after the failure was found", v.TookNS/1e6)})
		case "warm_failed":
			out = append(out, fact{"Not connected in time", v.Stage, v.Text})
		}
	}
	return out
}
