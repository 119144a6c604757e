// Package prompt writes what a model is told before a conversation: that the
// caller's words come from a recogniser and may be wrong, that its reply is
// spoken, how a turn looks that was cut off, which tools it may call, the day,
// the time and the language; then the agent's own instructions and what is
// known of the call.
//
// The text is made once for each call and does not change during it, so that
// providers can cache it. Values of the call are data: they are quoted, on one
// line each, and cannot pass for instructions.
//
// The package is pure. Package pipeline sends the text with every request.
package prompt
