package call

import (
	"trunkline/pipeline"
	"trunkline/pipeline/realtime"
)

// Both kinds of conversation serve calls.
var (
	_ Conversation = (*pipeline.Conversation)(nil)
	_ Conversation = (*realtime.Conversation)(nil)
)
