package softphone

import "time"

// EventKind says what happened in a call.
type EventKind uint8

// What happens in a call, told as it happens. Ended is the last, and always
// told once a call was answered.
const (
	Ringing      EventKind = iota // a 180 or 183 came
	Answered                      // the 200 came
	AgentStarted                  // the agent began to speak; told about 60 ms after
	AgentStopped                  // the agent fell silent; told about 240 ms after
	ClipStarted                   // the caller begins the step's clip
	ClipEnded                     // its last packet was sent
	Interrupted                   // the caller's speech began while the agent spoke
	DigitsSent                    // the step's keys were pressed
	Ended                         // the call is over
)

// String is the event's name in messages.
func (k EventKind) String() string {
	return [...]string{
		"ringing", "answered", "agent started", "agent stopped", "clip started", "clip ended",
		"interrupted", "digits sent", "ended",
	}[k]
}

// Event is told to Config.Notify.
type Event struct {
	Kind EventKind
	At   time.Time // when it was on the wire
	Step int       // of the caller's events: index in the plan
	Said string    // of the caller's events: the clip's name, or the keys
	Text string    // of Ringing: the status line; of Ended: the cause
}
