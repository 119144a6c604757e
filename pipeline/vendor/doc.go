// Package vendor is what all rooms share that talk to a vendor's servers: keys
// that mask themselves, a client that keeps connections warm, server-sent
// events, and the translation of HTTP and WebSocket failures into kinds of
// fault.
//
// The rooms under asr, llm and tts use it; it knows the protocol of none of
// them. The vendors' own libraries are not used: they retry by themselves and
// hide when the first byte came, and fail-over needs to see both.
package vendor
