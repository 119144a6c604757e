package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"

	"trunkline/media"
)

// ErrBusy says that a provider has no free instance for one more call. The
// caller hears a line, not silence.
var ErrBusy = errors.New("all instances are in use")

// A Recognizer turns the speech of calls into words.
type Recognizer interface {
	// Open takes one stream for one call. It returns ErrBusy when all
	// instances are taken. The stream ends with its Close, not with ctx.
	Open(ctx context.Context) (Recognition, error)
}

// Recognition is one call's stream through a Recognizer.
//
// Begin, Write and End are called by one goroutine and never block: a stream
// that cannot keep up drops audio by its own stated bound and says so in a
// Transcript's Err. Audio between End and the next Begin is never written:
// voice activity gates the stream, with a pre-roll of 300 ms.
type Recognition interface {
	// Begin starts talkspurt n; numbers grow by one.
	Begin(n int)
	// Write gives 20 ms of the running talkspurt.
	Write(f *media.Frame)
	// End says that the talkspurt is over and asks for its final words.
	End()
	// Transcripts delivers partial and final words in order. The channel is
	// closed by Close.
	Transcripts() <-chan Transcript
	// Close gives the instance back. It waits until the stream is quiet and
	// may be called twice.
	Close() error
}

// An Anticipator is a Recognition that can have the final words of a talkspurt
// ready when its end is told: silence tells it some 140 ms before. Lull and
// Resume are called as Write is.
type Anticipator interface {
	// Lull says that the caller makes no sound: if no Resume comes before
	// End, the words of what was written so far will be all.
	Lull()
	// Resume says that the caller goes on in the same talkspurt.
	Resume()
}

// Transcript is what a Recognizer believes was said in one talkspurt.
type Transcript struct {
	Spurt      int     // the talkspurt's number, from Begin
	Text       string  // all words of the talkspurt so far, lower case, no markup; may be empty
	Final      bool    // no further transcript of this talkspurt will come
	Confidence float64 // 0 to 1; 0 when the engine gives none
	EndOfTurn  bool    // the engine believes that the caller has said all; false when it does not judge
	Language   string  // BCP 47 tag of what was spoken; empty when the engine does not tell
	Err        error   // set when the engine failed; Final is then set too
}

// A Model writes the agent's replies.
type Model interface {
	// Generate streams the reply to the history in req. It is a pure function
	// of the request: calling it has no effect outside. The sequence ends
	// after its first error, and soon after ctx is cancelled.
	Generate(ctx context.Context, req Request) iter.Seq2[Delta, error]
}

// Request is what a Model replies to.
type Request struct {
	CallID  string
	Turn    int               // number of this reply in the call, from 1
	System  string            // the agent's instructions
	Vars    map[string]string // values that replies may name, such as the caller's number
	History []Message         // oldest first; the last one is the caller's, or a tool's
	Tools   []ToolSpec        // what the model may call; none: it can only speak
	Said    string            // how this reply begins: another model failed after it, go on from there
	Elapsed time.Duration     // since the call was answered
	Tokens  int               // that the call's replies have used before this one
}

// Role says who a Message is from.
type Role string

// The roles in a conversation.
const (
	Caller Role = "caller"
	Agent  Role = "agent"
	Tool   Role = "tool" // never speaks: Results answer the Calls of the message before
)

// Message is one side's words as the other side heard them, or the results of
// tools.
type Message struct {
	Role    Role
	Text    string
	Cut     bool         // the agent was interrupted here: Text ends at the last word heard
	Calls   []ToolCall   // of the Agent: what it called after these words
	Results []ToolResult // of a Tool message: one for each of the calls before, in their order
}

// ToolSpec tells a model of one tool.
type ToolSpec struct {
	Name        string // letters, digits and underscores, at most 64
	Description string
	Parameters  json.RawMessage // JSON Schema of an object
}

// ToolCall is a model's wish to have a tool run.
type ToolCall struct {
	ID   string // unique in the call; the result carries it too
	Name string
	Args json.RawMessage // a JSON object
}

// ToolResult is what a tool gave.
type ToolResult struct {
	ID      string
	Name    string
	Content string // for the model: JSON or plain text
	Failed  bool   // Content says what went wrong, in words that the model may use
}

// Delta is a piece of a streamed reply: some text, an act, a whole tool call, or what
// was counted of the reply.
type Delta struct {
	Text  string
	Act   *Act
	Call  *ToolCall
	Usage *Usage // in the last delta, when the provider tells

	// Protected says that the caller must hear Text, as wording that the law
	// asks for: an interruption is answered after it.
	Protected bool
}

// Usage is what a model counts for one reply.
type Usage struct {
	InputTokens  int // of the request, cached ones included
	CachedTokens int // of these, what was read from the provider's cache
	OutputTokens int
}

// Money is an amount in billionths of the currency that the prices are in.
type Money int64

// Act is something the agent does besides speaking.
type Act struct {
	Name string            // ActHangUp, ActHandOff, or a tool's name
	Args map[string]string // such as "target" for ActHandOff, "reason" for ActHangUp
}

// Acts that every agent knows. They are carried out after the reply's text
// has been heard.
const (
	ActHangUp  = "hang_up"
	ActHandOff = "hand_off"
	ActCollect = "collect_keys" // the keys that follow are one entry: see turn.ActCollect for Args
)

// A Warmer is a provider that can open its connections before they are needed.
// Warm is called while the phone rings; what it cannot do then is done at the
// first use, so that its error is only worth a log line.
type Warmer interface {
	Warm(ctx context.Context) error
}

// A Synthesizer speaks.
type Synthesizer interface {
	// Synthesize streams the audio of one sentence or short text, first
	// samples as early as the engine can. The sequence ends after its first
	// error, and soon after ctx is cancelled. It is safe for concurrent use.
	Synthesize(ctx context.Context, text string) iter.Seq2[Speech, error]
}

// ErrSayAgain is in the error of a Synthesizer that failed in mid-sentence when
// another voice is there to say the whole sentence again: a voice never
// changes within one.
var ErrSayAgain = errors.New("the sentence was cut, another voice can say it")

// A Chorus is a Synthesizer of several voices. A reply is spoken by what Voice
// gives, a sentence after the other, so that it changes its voice only when one
// fails.
type Chorus interface {
	Synthesizer
	Voice() Synthesizer
}

// Speech is a chunk of synthesised audio.
type Speech struct {
	Samples []int16      // linear 16-bit at media.SampleRate
	Words   []media.Word // words that begin in this chunk, when the engine tells; else none
}
