package console

import (
	"encoding/json"
	"fmt"

	"trunkline/sip/ladder"
	"trunkline/storage"
)

// rung is one message of a call's signalling, as the page shows it.
type rung struct {
	At, Line, Peer, Text string
	Out                  bool
	Skipped              int // messages before it that were not kept
}

// rungs are a call's signalling.
func rungs(h *storage.History) []rung {
	var out []rung
	for _, e := range h.Events {
		var l ladder.Record
		if e.Kind != ladderKind || json.Unmarshal(e.Data, &l) != nil {
			continue
		}
		for i, m := range l.Messages {
			r := rung{At: fmt.Sprintf("%.3f", m.AtMS/1000), Line: m.Line(), Peer: m.Peer, Text: m.Text, Out: m.Out}
			if l.Skipped(i) {
				r.Skipped = l.Dropped
			}
			out = append(out, r)
		}
	}
	return out
}

// ladderKind is the kind of the event that records a call's signalling.
const ladderKind = "sip_ladder"
