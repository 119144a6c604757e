// Package failover makes one provider out of several: when one fails, the next
// takes over within the turn, with the audio or the text that it needs.
//
// cmd builds a Model, a Synthesizer and a Recognizer from an agent's ordered
// lists. Each provider has a breaker, which all calls share. A failure is an
// error, a first byte that comes too late, or a stream that stalls. Providers
// must end soon after their context does: that is how a slow one is left.
//
// It knows no vendor and says nothing to the caller: when all have failed the
// turn machine does.
package failover
