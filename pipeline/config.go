package pipeline

import (
	"context"
	"regexp"
	"slices"
	"time"

	"trunkline/media/vad"
	"trunkline/pipeline/prompt"
	"trunkline/pipeline/sentence"
	"trunkline/pipeline/turn"
)

// PreRoll is how much audio from before the onset of speech the recogniser
// gets, so that no first consonant is lost.
const PreRoll = 300 * time.Millisecond

// Config is how one agent holds its conversations.
type Config struct {
	CallID   string            // told to the model
	Prompt   prompt.Prompt     // what the model is told
	Vars     map[string]string // values that replies, tools and the prompt may name
	Language string            // BCP 47 tag of what the voice speaks; empty: en-US
	Tools    Tools             // what the model may call; nil: nothing
	// Keys sends telephone keys to the caller, for tools; nil when the call
	// cannot.
	Keys func(ctx context.Context, keys string) error
	// Mask is told when what the caller says and keys in must be kept nowhere,
	// and when it may be again; nil: nobody keeps it. It must not wait.
	Mask func(on bool)
	// Called is told of each call of a tool before it is made, and gives the
	// trace context (W3C traceparent) that its requests carry; nil: none.
	// Goroutines call it at the same time.
	Called   func(ToolCall) string
	Turn     turn.Config
	Sentence sentence.Config
	Gate     vad.GateOptions // zero: vad.FastGate, since a pause of the agent is revocable
	Front    func() Front    // of each call's recogniser; nil: it hears the plain line
	// Protected finds wording of the model that the caller must hear: each
	// sentence in which one of them matches is heard to its end.
	Protected []*regexp.Regexp
	// Truth has answers that are not the model's: it is asked about each turn
	// of the caller, in the conversation's language. nil: the model answers all.
	Truth func(language, words string) (answer string, ok bool)
	// Redact takes out of a history what no model may be told, in its place;
	// nil: nothing. It is one conversation's own, whose calls of it do not overlap.
	Redact func(history []Message)
	// Preface is said before the agent's first line, and heard to its end
	// whatever the caller says. Its sentences are among the Lines.
	Preface []Part
	// Closing is said after the line that ends the call, or after the model's
	// own goodbye, in the conversation's language; nil, or without a text:
	// nothing. Its sentences are among the Lines of that language.
	Closing func(language string) Part
	// Reminder is said before the line NotReached, and Voicemail after the line
	// Message; nil, or without a text: nothing. They are among the Lines, too.
	Reminder  func(language string) Part
	Voicemail func(language string) Part
	Stall     time.Duration // longest pause of model or voice within a reply; 0: 5 s
	HoldSound []int16       // repeated after a filler while a tool works; nil: silence
	Budget    Money         // that the call may cost before the agent says goodbye; 0: no bound
	Detect    Detection     // of the caller's language; zero: it changes by tools only
}

// Providers are what an agent listens, thinks and speaks with. Lines are made
// from the voice once and shared by all calls.
type Providers struct {
	Recognizer  Recognizer
	Model       Model
	Synthesizer Synthesizer
	Lines       *Lines

	// Languages are those in which the conversation can go on, besides the one
	// in which it begins; that is Config.Language, with the parts above.
	Languages []Language
}

// Part is a sentence whose hearing the player tells, by its Mark (above 0).
type Part struct {
	Mark int
	Text string
}

// Outcome is why a conversation wants its call to end.
type Outcome struct {
	Reason string            // one of turn's End reasons, or what Finish was given
	Args   map[string]string // of the act that ended it, such as the target of a hand-off
}

// Outcome is what a conversation wants its call to do at its end; last is what
// the agent's latest reply asked for, nil: nothing.
func (c *Config) Outcome(reason string, last *Act) Outcome {
	out := Outcome{Reason: reason}
	if last != nil && (reason == turn.EndHandOff || reason == turn.EndGoodbye) {
		out.Args = last.Args
	}
	if reason == turn.EndRescue {
		out.Args = map[string]string{"target": c.Turn.OnFailure.Target}
	}

	return out
}

// Protects tells a sentence that the caller must hear.
func (c *Config) Protects(sentence string) bool {
	return slices.ContainsFunc(c.Protected, func(r *regexp.Regexp) bool { return r.MatchString(sentence) })
}

// truth is the answer to the caller's last words that no model may change.
func (c *Config) truth(language string, history []Message) (answer string, ok bool) {
	last := len(history) - 1
	if last < 0 || history[last].Role != Caller {
		return "", false
	}

	return c.Truthful(language, history[last].Text)
}

// Truthful is the answer to some words of the caller that no model may change.
func (c *Config) Truthful(language, words string) (answer string, ok bool) {
	if c.Truth == nil {
		return "", false
	}

	return c.Truth(language, words)
}
