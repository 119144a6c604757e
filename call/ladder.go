package call

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"trunkline/pipeline/turn"
	"trunkline/sip/ladder"
	"trunkline/storage"
)

// ladderKind is the kind of the recorded event that has the call's signalling.
// Those of a call are its last ones, one for each of its SIP calls, and not the
// turn machine's.
const ladderKind turn.EventKind = "sip_ladder"

// A signaller is a door whose signalling can be looked at.
type signaller interface {
	Ladder(began time.Time) ladder.Record
}

// signalData is the data of that event.
type signalData struct {
	StepData
	ladder.Record
}

// follow has a door's signalling recorded at the call's end; nil: there is
// none to look at.
func (n *notes) follow(s signaller) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s != nil {
		n.signallers = append(n.signallers, s)
	}
}

// signalling records what the call's doors said and heard.
func (n *notes) signalling() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.signallers {
		data, err := json.Marshal(signalData{StepData{Event: turn.Event{Kind: ladderKind}}, s.Ladder(n.offered)})
		if err != nil {
			continue // plain structs marshal
		}
		n.cfg.Journal.Event(storage.Event{CallID: n.call, Seq: n.seq, At: time.Since(n.offered), Kind: string(ladderKind), Data: data})
		n.seq++
	}
}

// ladderStory is a call's signalling, a line for each message.
func ladderStory(events []storage.Event) []string {
	var lines []string
	for _, e := range events {
		var d signalData
		if e.Kind != string(ladderKind) || json.Unmarshal(e.Data, &d) != nil || len(d.Messages) == 0 {
			continue
		}
		lines = append(lines, "Signalling (-> to us, <- from us):")
		for i, r := range d.Messages {
			if d.Skipped(i) {
				lines = append(lines, fmt.Sprintf("  ... %d messages were not kept", d.Dropped))
			}
			arrow := "->"
			if r.Out {
				arrow = "<-"
			}
			ms := int64(math.Round(r.AtMS)) // what came just before the call's first row has no minus before its zero
			lines = append(lines, fmt.Sprintf("  %9.3f s  %s  %s", float64(ms)/1000, arrow, r.Line()))
		}
	}

	return lines
}
