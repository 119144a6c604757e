package sim

import (
	"time"

	"trunkline/config"
)

// Mode is how a scenario is run.
type Mode string

// The modes.
const (
	Text  Mode = "text"
	Audio Mode = "audio"
	SIP   Mode = "sip"
)

// Scenario is one file.
type Scenario struct {
	Name  string  `yaml:"name"`  // default: the file's name
	About string  `yaml:"about"` // what is tried, in a sentence
	Modes []Mode  `yaml:"modes"` // the modes that it makes sense in; default: all
	Runs  int     `yaml:"runs"`  // how often; default 1
	Pass  int     `yaml:"pass"`  // how many of Runs must pass; default: all
	Agent *Agent  `yaml:"agent"` // who answers; default: an agent of the configuration
	Who   Persona `yaml:"caller"`
	Line  Line    `yaml:"line"`
	Steps []Step  `yaml:"steps"`
	// Expect is judged over the whole call.
	Expect Expect `yaml:"expect"`

	File string `yaml:"-"` // where it was read; files it names are relative to it
}

// Persona is who calls.
type Persona struct {
	Voice    string        `yaml:"voice"`    // rms (default), awb, kal16 or slt
	Rate     float64       `yaml:"rate"`     // speaking rate, 0.5 to 2; default 1
	Level    float64       `yaml:"level"`    // of the speech in dBov, -50 to -10; default -24
	Gap      time.Duration `yaml:"gap"`      // quiet of the agent that the caller takes for its turn; default 500 ms
	Patience time.Duration `yaml:"patience"` // longest wait for an agent that does not reply; default 8 s
	Noise    *Noise        `yaml:"noise"`    // around the caller; audio and sip
}

// Noise is what is heard around the caller all the time.
type Noise struct {
	Kind string  `yaml:"kind"` // white, pink or babble
	SNR  float64 `yaml:"snr"`  // of the caller's speech to it, in dB
}

// Line is what lies between the caller and the gateway.
type Line struct {
	Echo   *Echo         `yaml:"echo"`   // audio and sip
	Loss   float64       `yaml:"loss"`   // percent of packets each way; sip
	Jitter time.Duration `yaml:"jitter"` // greatest delay that a packet gets more than another; sip
}

// Echo is the agent's own voice coming back from the caller's end.
type Echo struct {
	Delay time.Duration `yaml:"delay"` // 0 to 1 s
	ERL   float64       `yaml:"erl"`   // echo return loss in dB, 0 to 60
}

// Step is one act of the caller: exactly one of the fields up to HangUp.
type Step struct {
	// Say is words in turn with the agent. {pause 800ms} in it is a silence.
	Say string `yaml:"say"`
	// Interrupt is words over the agent's voice that ask for the turn.
	Interrupt string `yaml:"interrupt"`
	// Backchannel is words over the agent's voice that leave it the turn.
	Backchannel string `yaml:"backchannel"`
	// Play is a WAV file in turn with the agent; Words are what it says.
	Play string `yaml:"play"`
	// Sound is a noise over the agent's voice: cough, click or noise.
	Sound string `yaml:"sound"`
	// Keys are pressed in turn with the agent: 0-9 * # A-D.
	Keys string `yaml:"keys"`
	// Silence is time in which the caller does nothing.
	Silence time.Duration `yaml:"silence"`
	// Hold is time for which the caller puts the call on hold; text and audio.
	Hold time.Duration `yaml:"hold"`
	// HangUp ends the call.
	HangUp bool `yaml:"hang_up"`

	Words string        `yaml:"words"` // of Play; empty: no words in it
	For   time.Duration `yaml:"for"`   // how long Sound lasts; default 400 ms, of a click 40 ms
	At    *When         `yaml:"at"`
	// Expect is judged from the step's beginning to that of the next.
	Expect StepExpect `yaml:"expect"`
}

// When says what a step waits for; one field is set. The default is Turn for
// say, play and keys, three words for what is said over the agent's voice,
// and nothing for the rest.
type When struct {
	Turn     bool           `yaml:"turn"`     // the agent has spoken since the step before, and is quiet
	After    *time.Duration `yaml:"after"`    // this long after the step before
	Words    int            `yaml:"words"`    // the agent's utterance is heard up to its nth word
	Says     string         `yaml:"says"`     // what is heard of the agent's utterance matches this expression
	Speaking time.Duration  `yaml:"speaking"` // the agent has been heard for this long
}

// StepExpect is what must follow from a step.
type StepExpect struct {
	Says   Patterns      `yaml:"says"`    // the agent says what matches any of them
	Never  Patterns      `yaml:"never"`   // it says nothing that matches one of them
	Heard  string        `yaml:"heard"`   // the caller's words, as the agent took them in one turn, match
	Within time.Duration `yaml:"within"`  // from the caller's last sound to the agent's first
	Yields time.Duration `yaml:"yields"`  // from the caller's first sound to the agent's last; default for interrupt: 200 ms
	GoesOn *bool         `yaml:"goes_on"` // the agent's utterance goes on to its end; default for backchannel and sound: true
	Silent bool          `yaml:"silent"`  // the agent says nothing
	Tool   *ToolExpect   `yaml:"tool"`
}

// ToolExpect is a call of a tool.
type ToolExpect struct {
	Name  string            `yaml:"name"`
	Args  map[string]string `yaml:"args"`  // expressions that the arguments match
	Times int               `yaml:"times"` // how often it ran; default: at least once
}

// Expect is what must be so at the end.
type Expect struct {
	Says     Patterns      `yaml:"says"`
	Never    Patterns      `yaml:"never"`
	End      string        `yaml:"end"`       // why the call ended: a reason of the records, such as agent_goodbye
	HandOff  string        `yaml:"hand_off"`  // target
	Turns    int           `yaml:"turns"`     // the caller's turns, as the agent took them
	DeadAir  time.Duration `yaml:"dead_air"`  // longest silence after the caller's words, before anybody speaks
	Ledger   *int          `yaml:"ledger"`    // words by which the account of a cut turn may be off; default 1; -1: not judged
	SelfStop bool          `yaml:"self_stop"` // the agent may be interrupted with the caller silent
	Tool     *ToolExpect   `yaml:"tool"`
}

// Agent is an agent made for one scenario: what it says is given, and when.
type Agent struct {
	Voice      string          `yaml:"voice"` // slt, rms, awb or kal16 (default)
	Greeting   string          `yaml:"greeting"`
	Lines      config.Lines    `yaml:"lines"`
	Idle       []time.Duration `yaml:"idle"`
	Replies    []Reply         `yaml:"replies"`
	FirstToken time.Duration   `yaml:"first_token"`       // default 350 ms
	Tokens     float64         `yaml:"tokens_per_second"` // default 100
	FirstAudio time.Duration   `yaml:"first_audio"`       // text mode; default 100 ms
	Final      time.Duration   `yaml:"final"`             // exact ears: from the end of a talkspurt to its words; default 150 ms
	Faults     []Fault         `yaml:"faults"`
	Tools      []Tool          `yaml:"tools"`
	Cap        time.Duration   `yaml:"cap"`         // longest call
	WarnBefore time.Duration   `yaml:"warn_before"` // warning this long before
	Speculate  bool            `yaml:"speculate"`   // begin replies on words that may still change
}

// Reply is what the agent says to one turn of the caller.
type Reply struct {
	To      string `yaml:"to"` // expression that the caller's words match; empty: the next of the replies without it
	Say     string `yaml:"say"`
	HangUp  bool   `yaml:"hang_up"`
	HandOff string `yaml:"hand_off"` // target
	Call    *Call  `yaml:"call"`     // a tool, after the words
	Then    string `yaml:"then"`     // said to what the tool gave, when it did not fail
	Else    string `yaml:"else"`     // said when it failed
}

// Call is a call of a tool.
type Call struct {
	Tool string         `yaml:"tool"`
	Args map[string]any `yaml:"args"`
}

// Tool is what a scenario's agent may call. Nothing is done; it takes its time.
type Tool struct {
	Name       string        `yaml:"name"`
	Takes      time.Duration `yaml:"takes"`
	Result     string        `yaml:"result"`      // for the model
	Fails      bool          `yaml:"fails"`       // Result says what went wrong
	SideEffect bool          `yaml:"side_effect"` // it changes something: it is never lost and never done twice
	Filler     []string      `yaml:"filler"`      // said when it is slow
}

// Fault is a provider that fails.
type Fault struct {
	Of    string `yaml:"of"`    // recogniser, model or voice
	Nth   int    `yaml:"nth"`   // answer that it strikes, from 1; 0: all of them
	After int    `yaml:"after"` // how much of the answer comes first: partials, tokens or 100 ms of audio
	Stall bool   `yaml:"stall"` // it falls silent; else it fails with an error
}

// Patterns is one regular expression, or a list of them. Case does not matter.
type Patterns []string

// UnmarshalYAML takes a text or a list of texts.
func (p *Patterns) UnmarshalYAML(unmarshal func(any) error) error {
	var one string
	if unmarshal(&one) == nil {
		*p = Patterns{one}

		return nil
	}

	return unmarshal((*[]string)(p))
}
