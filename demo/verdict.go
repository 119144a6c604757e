package demo

import (
	"fmt"

	"trunkline/call"
	"trunkline/storage"
)

// Turns is how many turns of each side a whole conversation has at least, and
// ShortTurns a short one.
const (
	Turns      = 4
	ShortTurns = 3
)

// Verdict says why the call was not what the demo is to show, with at least so
// many turns of each side; nil when it was.
func Verdict(h *storage.History, turns int) error {
	var callers, answers, cut int
	for i := range h.Turns {
		t := &h.Turns[i]
		switch {
		case t.Role == storage.Caller:
			callers++
		case t.Latency.Total > 0:
			answers++
		}
		if t.Interrupted {
			cut++
		}
	}
	switch {
	case h.Call.State != storage.Ended:
		return fmt.Errorf("the call's record is not closed: its state is %s", h.Call.State)
	case callers < turns || answers < turns:
		return fmt.Errorf("the caller was heard %d times and answered %d times, want at least %d each", callers, answers, turns)
	case cut == 0:
		return fmt.Errorf("the caller's interruption did not stop the agent")
	case h.Call.EndReason != string(call.AgentGoodbye):
		return fmt.Errorf("the call ended because %s, not with the agent's goodbye", call.Reason(h.Call.EndReason).Plain())
	}

	return nil
}
