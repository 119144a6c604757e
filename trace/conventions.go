package trace

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
)

// The names of what is exported. Of OpenTelemetry's semantic conventions it is
// version 1.41.0, the last one that holds those of generative AI in the general
// registry; they are in development there, so that this file alone says which
// version counts.

// SchemaURL says which version of the conventions the spans follow.
const SchemaURL = semconv.SchemaURL

// PrivatePrefix begins the name of every attribute with personal data: words,
// numbers, arguments of tools, and errors as providers worded them.
const PrivatePrefix = "trunkline.private."

// The names of spans. A generation's is "chat" with the name of the model, a
// tool's "execute_tool" with its own.
const (
	spanCall      = "call"      // from the offer to the end
	spanRing      = "ring"      // from the offer to the answer
	spanCaller    = "caller"    // a turn of the caller: from the first sound to the decision that it is over
	spanAgent     = "agent"     // a turn of the agent: from its order to its last packet
	spanRecognise = "recognise" // a talkspurt: from its onset to its last words
	spanEndpoint  = "endpoint"  // from the caller's last packet of speech to the decision
	spanGuess     = "guess"     // a reply that was begun early and not wanted
	spanSpeak     = "speak"     // from the first sentence to the last packet of the agent's voice
	spanFiller    = "filler"    // a line that is said while the answer takes its time
)

// Of the general conventions.
const (
	keyError     = semconv.ErrorTypeKey
	keyService   = semconv.ServiceNameKey
	keyVersion   = semconv.ServiceVersionKey
	keyInstance  = semconv.ServiceInstanceIDKey
	serviceTitle = "trunkline"
)

// Of the conventions for generative AI.
const (
	keyOperation    = semconv.GenAIOperationNameKey
	keyProvider     = semconv.GenAIProviderNameKey
	keyConversation = semconv.GenAIConversationIDKey
	keyAgent        = semconv.GenAIAgentNameKey
	keyModel        = semconv.GenAIRequestModelKey
	keyInputTokens  = semconv.GenAIUsageInputTokensKey
	keyOutputTokens = semconv.GenAIUsageOutputTokensKey
	keyFirstChunk   = semconv.GenAIResponseTimeToFirstChunkKey
	keyTool         = semconv.GenAIToolNameKey
	keyToolCall     = semconv.GenAIToolCallIDKey
	keyToolType     = semconv.GenAIToolTypeKey

	chat        = "chat"
	executeTool = "execute_tool"
	function    = "function" // the type of every tool here
)

// knownProviders are the names that the conventions give to providers; an
// engine that they do not know keeps its own.
var knownProviders = map[string]string{"gemini": "gcp.gemini"}

// Of trunkline. Times are in seconds.
const (
	keyStage     attribute.Key = "trunkline.stage" // recognise, endpoint, think, tool, speak or filler
	keyDirection attribute.Key = "trunkline.call.direction"
	keyDoor      attribute.Key = "trunkline.call.door"
	keyTrunk     attribute.Key = "trunkline.call.trunk"
	keyReason    attribute.Key = "trunkline.call.end_reason"
	keyFault     attribute.Key = "trunkline.call.fault"
	keyCost      attribute.Key = "trunkline.call.cost" // in the configured currency; with a stage behind it, of that stage
	keyCodec     attribute.Key = "trunkline.media.codec"
	keyMOSIn     attribute.Key = "trunkline.media.mos_in"
	keyMOSOut    attribute.Key = "trunkline.media.mos_out"
	keyLost      attribute.Key = "trunkline.media.packets_lost"
	keyTrip      attribute.Key = "trunkline.media.round_trip"

	keyNumber    attribute.Key = "trunkline.turn.number"
	keyOutcome   attribute.Key = "trunkline.turn.outcome" // heard, interrupted, unheard or discarded
	keyLine      attribute.Key = "trunkline.turn.line"    // the fixed line that was said
	keyAnswerIn  attribute.Key = "trunkline.turn.time_to_answer"
	keyFillerIn  attribute.Key = "trunkline.turn.time_to_filler"
	keySpurt     attribute.Key = "trunkline.recognise.talkspurt"
	keyVoiced    attribute.Key = "trunkline.recognise.voiced"
	keyEndWait   attribute.Key = "trunkline.endpoint.wait" // how long the silence had to last
	keySpeculate attribute.Key = "trunkline.think.guess"   // it began before the caller's turn was over
)

// Events within spans.
const (
	eventPartial  = "first_partial"
	eventToken    = "first_token"
	eventSentence = "first_sentence"
	eventSample   = "first_sample"
	eventPacket   = "first_packet"
	eventVerdict  = "verdict" // on speech over the agent's voice
	eventPause    = "pause"
	eventResume   = "resume"
	eventHold     = "hold"
	eventUnhold   = "unhold"
	eventDeaf     = "recogniser_lost"

	keyVerdict attribute.Key = "trunkline.verdict"
	keyTook    attribute.Key = "trunkline.failover.took" // from the failure to the next provider's first sign of life
)

// Values of keyOutcome.
const (
	outcomeHeard       = "heard"
	outcomeInterrupted = "interrupted"
	outcomeUnheard     = "unheard"
	outcomeDiscarded   = "discarded" // no turn: a cough, words of agreement, a guess that was not borne out
)

// With personal data.
const (
	keyFrom      attribute.Key = PrivatePrefix + "call.from"
	keyTo        attribute.Key = PrivatePrefix + "call.to"
	keyText      attribute.Key = PrivatePrefix + "turn.text"  // what was said, or was going to be said
	keyHeard     attribute.Key = PrivatePrefix + "turn.heard" // what the caller heard of it
	keyWords     attribute.Key = PrivatePrefix + "recognise.text"
	keyReasons   attribute.Key = PrivatePrefix + "reasons" // of a decision; they quote words
	keyArguments attribute.Key = PrivatePrefix + "tool.arguments"
	keyFailure   attribute.Key = PrivatePrefix + "error"
)
