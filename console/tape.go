package console

import (
	"encoding/json"
	"strings"

	"github.com/google/uuid"

	"trunkline/storage"
)

// tape is a running call's recording, with what may be done with it.
type tape struct {
	Call    uuid.UUID
	State   string // in plain words
	Buttons []tapeButton
}

// tapeButton asks for a state, as apiRecord takes it.
type tapeButton struct{ State, Label string }

// tapeOf is the recording as the call's events tell of it. The call itself
// knows better, and refuses what cannot be.
func tapeOf(h *storage.History) *tape {
	t := &tape{Call: h.Call.ID}
	pause, resume, stop := tapeButton{"paused", "Pause"}, tapeButton{"recording", "Resume"}, tapeButton{"stopped", "Stop for good"}
	switch recordingNow(h) {
	case "":
		t.State, t.Buttons = "not recorded", []tapeButton{{"recording", "Record"}}
	case "paused":
		t.State, t.Buttons = "paused", []tapeButton{resume, stop}
	case "stopped":
		t.State = "stopped for good"
	default:
		t.State, t.Buttons = "recording", []tapeButton{pause, stop}
	}
	return t
}

// recordingNow is the state after the call's events so far; empty: nothing is
// recorded.
func recordingNow(h *storage.History) (state string) {
	if h.Call.Recording != "" {
		state = "recording"
	}
	for _, e := range h.Events {
		switch e.Kind {
		case "objection":
			return "stopped"
		case "recording":
		default:
			continue
		}
		var data struct {
			Event struct {
				Text string `json:"text"`
			} `json:"event"`
		}
		if json.Unmarshal(e.Data, &data) != nil {
			continue
		}
		switch verb, _, _ := strings.Cut(data.Event.Text, " "); strings.TrimSuffix(verb, ":") {
		case "begun", "resumed":
			state = "recording"
		case "paused":
			state = "paused"
		case "stopped":
			return "stopped"
		}
	}
	return state
}
