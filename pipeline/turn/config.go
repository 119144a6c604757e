package turn

import (
	"time"

	"trunkline/pipeline/bargein"
	"trunkline/pipeline/endpoint"
)

// Config tunes the machine. The zero value of a field takes the default that
// its comment gives.
type Config struct {
	Endpoint endpoint.Config `json:"endpoint"`
	Bargein  bargein.Config  `json:"bargein"`

	Idle     []time.Duration `json:"idle_ns"`              // silence before each prompt; after the last, goodbye: 8 s, 8 s
	Moment   time.Duration   `json:"moment_ns,omitempty"`  // silence before the first prompt when the caller has asked us to wait: 30 s
	Final    time.Duration   `json:"final_ns,omitempty"`   // longest wait for the recogniser's last words: 1 s
	Reply    time.Duration   `json:"reply_ns,omitempty"`   // longest wait for the first sound of a reply: 5 s
	Finish   time.Duration   `json:"finish_ns,omitempty"`  // longest time that a last line may take: 10 s
	Turn     time.Duration   `json:"turn_ns,omitempty"`    // longest turn of the caller: 60 s
	Key      time.Duration   `json:"key_ns,omitempty"`     // longest wait for the next key: 2 s
	Noise    time.Duration   `json:"noise_ns,omitempty"`   // sound without words that is asked about: 1 s
	Filler   time.Duration   `json:"filler_ns,omitempty"`  // longest silence of the agent before it says that it needs time: 1.2 s; below zero: never
	Respeak  time.Duration   `json:"respeak_ns,omitempty"` // a pause longer than this goes on from the start of the word that it cut: 600 ms
	Speech   time.Duration   `json:"speech_ns,omitempty"`  // longest utterance of the agent: 2 min
	Failures int             `json:"failures,omitempty"`   // failures of a provider in a row that end the call: 2

	OnFailure OnFailure `json:"on_failure,omitzero"`

	// Protected lines are heard to their end: an interruption is noted, and
	// the caller has the turn after them.
	Protected   []Line      `json:"protected,omitempty"`
	Speculation Speculation `json:"speculation"`
}

// OnFailure is what the agent does when all providers of a stage have failed.
type OnFailure struct {
	Do     Rescue `json:"do,omitempty"`     // empty: Retry
	Target string `json:"target,omitempty"` // of HandOver: to whom
}

// Rescue is a way out for a caller whose agent's providers have failed.
type Rescue string

// The ways out.
const (
	Retry    Rescue = "retry"    // apologise and go on; the last of Config.Failures in a row ends the call
	Leave    Rescue = "goodbye"  // end the call politely at the first failure
	HandOver Rescue = "hand_off" // give the call to a person at the first failure
)

// Speculation is how the machine guesses at the end of the caller's turn. The
// zero value never does.
type Speculation struct {
	PerTurn int           `json:"per_turn,omitempty"`  // guesses at most, in one turn of the caller
	Stable  time.Duration `json:"stable_ns,omitempty"` // how long words that may go on must have stood while the caller makes sound: 200 ms
}

// WithDefaults fills the fields that are zero.
func (c Config) WithDefaults() Config {
	c.Endpoint = c.Endpoint.WithDefaults()
	c.Bargein = c.Bargein.WithDefaults()
	if len(c.Idle) == 0 {
		c.Idle = []time.Duration{8 * time.Second, 8 * time.Second}
	}
	setDefault(&c.Moment, 30*time.Second)
	setDefault(&c.Final, time.Second)
	setDefault(&c.Reply, 5*time.Second)
	setDefault(&c.Finish, 10*time.Second)
	setDefault(&c.Turn, time.Minute)
	setDefault(&c.Key, 2*time.Second)
	setDefault(&c.Noise, time.Second)
	setDefault(&c.Filler, 1200*time.Millisecond)
	setDefault(&c.Respeak, 600*time.Millisecond)
	setDefault(&c.Speech, 2*time.Minute)
	setDefault(&c.Speculation.Stable, 200*time.Millisecond)
	if c.Failures == 0 {
		c.Failures = 2
	}

	return c
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}
