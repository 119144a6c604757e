package pipeline

import "context"

// Tools is what an agent's model may call. It is safe for concurrent use.
type Tools interface {
	// Specs are what the model is told of them.
	Specs() []ToolSpec
	// Traits tells what is special about a tool.
	Traits(name string) ToolTraits
	// Run carries a call out and always gives a result, in a bounded time. It
	// ends soon after ctx is cancelled.
	Run(ctx context.Context, scope ToolScope, call ToolCall) ToolOutcome
}

// ToolTraits is what a conversation must know of a tool.
type ToolTraits struct {
	// SideEffect says that the tool changes something. Once started, a call of
	// it runs to its end also when the caller interrupts, and it is not made
	// twice when the model asks for it again after that.
	SideEffect bool
	Filler     []string // said in place of the agent's general lines when it is slow; may be empty
}

// ToolScope is the conversation in which a tool is called.
type ToolScope struct {
	CallID string
	Vars   map[string]string
	Key    string // names this call of the tool to the service; the same when it is tried again
	// Keys sends telephone keys to the caller; nil when the call cannot. A "w"
	// waits for half a second.
	Keys func(ctx context.Context, keys string) error
	// Ask has the caller key in what nobody else may know; nil when the call
	// cannot. See Conversation.
	Ask func(ctx context.Context, asks []Ask) ([]string, error)
	// Language has the conversation go on in another language, a BCP 47 tag;
	// nil when it has one only.
	Language func(ctx context.Context, tag string) error
	// Trace is the trace context (W3C traceparent) that requests of the call
	// carry; empty: none.
	Trace string
}

// ToolOutcome is what became of a call.
type ToolOutcome struct {
	Result    ToolResult
	Act       *Act // what the agent does once its words were heard; nil: nothing
	Uncertain bool // it failed, but may have been done: only a repetition with the same Key is safe
}
