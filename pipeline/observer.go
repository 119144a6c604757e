package pipeline

import (
	"time"

	"trunkline/pipeline/ledger"
	"trunkline/pipeline/turn"
)

// An Observer is told what happens in a conversation, in order, by the
// conversation's goroutine. Its methods must not wait.
type Observer interface {
	// Step tells an event of the turn machine and what followed from it.
	Step(e turn.Event, actions []turn.Action, state turn.State)
	// Words tells what one side says as it becomes known. Text replaces what
	// was told of this side's turn before; final says that it stands.
	Words(role Role, text string, final bool)
	// Turn tells a turn that is over.
	Turn(t Turn)
}

// Turn is one side's words, for the records.
type Turn struct {
	Number      int // both sides' turns in the order in which they began, from 1
	Utterance   int // of the agent's: the machine's number of it
	Role        Role
	Text        string // what was said, or was going to be said
	Heard       string // what the other side heard of it
	Interrupted bool
	StartedAt   time.Time
	EndedAt     time.Time
	Ledger      ledger.Ledger // of the agent's replies
}
