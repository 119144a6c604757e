package turn

import "time"

// ActionKind says what the driver is to do.
type ActionKind string

// The kinds of an Action.
const (
	Speak       ActionKind = "speak"        // say Line as Utterance; Text is the caller's turn before it, if it was not told yet
	StartReply  ActionKind = "start_reply"  // the caller's turn is Text: have the model answer it as Utterance
	CancelReply ActionKind = "cancel_reply" // nothing of Utterance was heard: stop it, and take back the caller's turn
	Pause       ActionKind = "pause"        // hold the agent's voice, keeping its place
	Resume      ActionKind = "resume"       // go on from that place
	Respeak     ActionKind = "respeak"      // go on from the start of the word that the pause cut
	Interject   ActionKind = "interject"    // say Line as Utterance before whatever waits to be heard
	StartGuess  ActionKind = "start_guess"  // have the model answer Text as Utterance, unheard: it may become the caller's turn
	AdoptGuess  ActionKind = "adopt_guess"  // it did become the caller's turn, which is Text: let Utterance be heard
	DropGuess   ActionKind = "drop_guess"   // it did not: nothing of Utterance is wanted; Reasons
	Clear       ActionKind = "clear"        // cut Utterance off: stop its making, drop its audio, keep what was heard
	SetTimer    ActionKind = "set_timer"    // send TimerFired after After
	StopTimer   ActionKind = "stop_timer"
	Judge       ActionKind = "judge"    // nothing to do: says how speech over the agent's voice was judged; Text, Reasons
	Endpoint    ActionKind = "endpoint" // nothing to do: says how long the caller's silence must last; After, Reasons
	Discard     ActionKind = "discard"  // nothing to do: Text was not taken as a turn; Reasons
	End         ActionKind = "end"      // end the call for Reason
)

// Action is one thing for the driver to do, in order.
type Action struct {
	Kind      ActionKind    `json:"kind"`
	Utterance int           `json:"utterance,omitempty"`
	Line      Line          `json:"line,omitempty"`
	Stage     int           `json:"stage,omitempty"` // prompts said in a row before this IdlePrompt or NotHeard; fillers said in the call before this Filler
	Text      string        `json:"text,omitempty"`
	Timer     Timer         `json:"timer,omitempty"`
	After     time.Duration `json:"after_ns,omitempty"`
	Reason    string        `json:"reason,omitempty"`
	Reasons   []string      `json:"reasons,omitempty"`
}
