package turn

import (
	"time"

	"trunkline/pipeline/bargein"
	"trunkline/pipeline/endpoint"
)

// EventKind says what happened.
type EventKind string

// The kinds of an Event.
const (
	Answered        EventKind = "answered"        // the call was answered: the agent speaks first
	SpeechOnset     EventKind = "speech_onset"    // the caller began talkspurt Spurt; Level
	SpeechLull      EventKind = "speech_lull"     // the caller makes no sound for the moment, and may go on; Spurt
	SpeechResumed   EventKind = "speech_resumed"  // the caller goes on in talkspurt Spurt after a lull
	SpeechEnd       EventKind = "speech_end"      // the caller fell silent; Spurt, Voiced, Level, Silence
	Partial         EventKind = "partial"         // words so far; Spurt, Text
	Final           EventKind = "final"           // last words; Spurt, Text
	TimerFired      EventKind = "timer"           // a timer ran out; Timer
	AudioStarted    EventKind = "audio_started"   // the first packet of Utterance left
	AudioFinished   EventKind = "audio_finished"  // the last packet of Utterance left
	AudioStarved    EventKind = "audio_starved"   // Utterance has had nothing to play for Silence, and is not over
	AudioFed        EventKind = "audio_fed"       // it plays again
	ProtectedBegan  EventKind = "protected_began" // wording of Utterance that the caller must hear is being said
	ProtectedEnded  EventKind = "protected_ended" // it was said
	SpeechHeard     EventKind = "speech_heard"    // a provider hears speech in talkspurt Spurt; its words come later, or never
	Sounded         EventKind = "sounded"         // what talkspurt Spurt has sounded like so far; Sound
	ReplyDone       EventKind = "reply_done"      // the model finished the reply Utterance; Spoken, Act
	ReplyFailed     EventKind = "reply_failed"    // model or voice failed in Utterance; Text says how
	ReplyCost       EventKind = "reply_cost"      // what the model counted for Utterance; InputTokens, OutputTokens
	ToolStarted     EventKind = "tool_started"    // Utterance waits for the tool Tool; Text masks its arguments
	ToolAsked       EventKind = "tool_asked"      // a tool of Utterance asks the caller for keys, which are no words of theirs
	ToolDone        EventKind = "tool_done"       // the tool has answered; Took
	ToolFailed      EventKind = "tool_failed"     // the tool has not done what was asked; Took
	ProviderFailed  EventKind = "provider_failed" // Provider of Stage failed, as Fault and Text say; another one may take over
	ProviderTook    EventKind = "provider_took"   // Provider of Stage works in place of one that failed, Took after that
	WarmFailed      EventKind = "warm_failed"     // a provider could not connect while the phone rang; Text says why
	BudgetSpent     EventKind = "budget_spent"    // the call has cost as much as it may: it ends after the reply that runs
	LanguageChanged EventKind = "language"        // the conversation goes on in Language
	ContextChanged  EventKind = "context_changed" // what a reply is made from, the caller's words aside, is not what it was
	RecogniserLost  EventKind = "recogniser_lost" // the recogniser failed in Spurt; Text says how
	RecogniserBusy  EventKind = "recogniser_busy" // no recogniser was free when the call came
	KeyPressed      EventKind = "key"             // the caller pressed the key Text
	HoldOn          EventKind = "hold_on"         // the caller put us on hold
	HoldOff         EventKind = "hold_off"        // the caller came back
	AnnounceAsked   EventKind = "announce_asked"  // say the line Line as soon as nobody speaks
	ResumeAsked     EventKind = "resume_asked"    // go on after all, though the call was given away; say the line Line first
	TruthAsked      EventKind = "truth_asked"     // the caller asked what no model may answer, and a reply may have begun: say the line Truth in its place
	FinishAsked     EventKind = "finish_asked"    // say the line Line and end for Reason, whatever goes on
)

// Event is one thing that happened in a call. Which fields count depends on
// the kind; the rest are zero.
type Event struct {
	At         time.Duration     `json:"at_ns"` // since the call was answered, never decreasing
	Kind       EventKind         `json:"kind"`
	Spurt      int               `json:"spurt,omitempty"`
	Utterance  int               `json:"utterance,omitempty"`
	Text       string            `json:"text,omitempty"`
	Timer      Timer             `json:"timer,omitempty"`
	Line       Line              `json:"line,omitempty"`
	Reason     string            `json:"reason,omitempty"`
	Act        string            `json:"act,omitempty"`        // what the agent does once it was heard: see ActHangUp, ActHandOff
	Args       map[string]string `json:"args,omitempty"`       // of the act
	Spoken     bool              `json:"spoken,omitempty"`     // the reply has words
	Voiced     time.Duration     `json:"voiced_ns,omitempty"`  // of the talkspurt
	Silence    time.Duration     `json:"silence_ns,omitempty"` // since the talkspurt's last voiced frame
	Level      float64           `json:"level_dbov,omitempty"`
	Confidence float64           `json:"confidence,omitempty"`  // of Partial and Final: the recogniser's in its words; 0: it tells none
	EndOfTurn  bool              `json:"end_of_turn,omitempty"` // of Partial and Final: the recogniser believes that the caller has said all
	Prosody    endpoint.Prosody  `json:"prosody,omitzero"`      // of SpeechEnd
	Asked      endpoint.Asked    `json:"asked,omitzero"`        // of SpeechOnset and SpeechEnd: what the agent had asked
	Sound      bargein.Sound     `json:"sound,omitzero"`        // of SpeechEnd and Sounded, when it was measured

	Preface bool `json:"preface,omitempty"` // of the beginning: something comes before the first line that the caller must hear
	Closing bool `json:"closing,omitempty"` // of the beginning: the agent's own goodbye is followed by the line Closing

	Tool string        `json:"tool,omitempty"`
	Call string        `json:"call,omitempty"`    // of ToolStarted, ToolDone and ToolFailed: the call's ID, unique in the conversation
	Took time.Duration `json:"took_ns,omitempty"` // of ToolDone, ToolFailed and ProviderTook; of the beginning: how much longer first and last lines are

	Stage    string `json:"stage,omitempty"` // "recognise", "think" or "speak"
	Provider string `json:"provider,omitempty"`
	Fault    string `json:"fault,omitempty"`
	Language string `json:"language,omitempty"` // of the word lists, ISO 639-1

	InputTokens  int `json:"input_tokens,omitempty"`
	OutputTokens int `json:"output_tokens,omitempty"`
}

// Timer names one of the machine's timers. Setting one that runs sets it anew.
type Timer string

// The timers.
const (
	EndpointTimer Timer = "endpoint" // silence that ends the caller's turn
	FinalTimer    Timer = "final"    // wait for the recogniser's last words
	VerdictTimer  Timer = "verdict"  // judge the speech over the agent's voice again
	ReplyTimer    Timer = "reply"    // wait for the first sound of a reply
	IdleTimer     Timer = "idle"     // the caller says nothing
	FinishTimer   Timer = "finish"   // the last line must be over
	TurnTimer     Timer = "turn"     // the caller's turn has lasted too long
	FillerTimer   Timer = "filler"   // the caller has waited long enough to be told so
	SpeechTimer   Timer = "speech"   // the agent's utterance has lasted too long
	StableTimer   Timer = "stable"   // the caller's words have not changed for a while
)

// Line names a sentence that does not come from the model.
type Line string

// The lines.
const (
	Greeting   Line = "greeting"
	IdlePrompt Line = "idle"      // Action.Stage tells which one
	NotHeard   Line = "not_heard" // there was sound, and no words in it
	Goodbye    Line = "goodbye"
	HandOff    Line = "hand_off" // the call goes to a person
	Busy       Line = "busy"
	Apology    Line = "apology"     // a provider failed; the call goes on
	Trouble    Line = "trouble"     // a provider failed; the call ends
	Filler     Line = "filler"      // the answer takes a while; Action.Stage tells which one
	NotReached Line = "not_reached" // the person whom the call was given to was not reached, and the agent goes on
	Message    Line = "message"     // what an answering machine is told
	Truth      Line = "truth"       // what no model may answer; the driver has the words
	Ask        Line = "ask"         // what a tool asks the caller to key in; the driver has the words
	CapWarning Line = "cap_warning"
	CapGoodbye Line = "cap_goodbye"

	BudgetGoodbye Line = "budget_goodbye" // the call has cost as much as it may
	OptedOut      Line = "opted_out"      // the person's wish not to be called stands
	OptOutFailed  Line = "opt_out_failed" // it could not be stored, so nothing is promised
	NotKept       Line = "not_kept"       // nothing of the call is recorded or written down any more
	Closing       Line = "closing"        // nothing but what follows any goodbye; the driver has the words
)

// Acts of a reply that the machine carries out itself.
const (
	ActHangUp  = "hang_up"
	ActHandOff = "hand_off"
)

// Reasons of an End that the machine itself decides.
const (
	EndGoodbye  = "agent_goodbye"
	EndHandOff  = "agent_hand_off"
	EndSilent   = "caller_silent"
	EndProvider = "provider_failed"
	EndBusy     = "recogniser_busy"
	EndBudget   = "budget_spent"
	EndRescue   = "provider_hand_off" // providers failed, and Config.OnFailure gives the call to a person
)
