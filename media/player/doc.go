// Package player queues the agent's speech, gives it out 20 ms at a time, and
// keeps the heard-ledger: at any instant it knows how many samples of which
// words have left.
//
// An utterance is one reply of the agent; its segments are sentences, in the
// order they were added. The conversation adds segments, one goroutine per
// segment writes the audio as the synthesiser makes it, and the line clock
// takes one frame per tick. Utterances play in the order they were first
// named, each after the one before it is sealed and played out.
//
// # Levels and positions
//
// A sample counts as played when it left at full level. Pause ends full level
// at once: the next frame ramps the audio that follows down to silence in
// 8 ms, and the position stays where full level ended. Resume goes on from
// exactly that sample; so that it does not click, the 8 ms before it are
// repeated first, ramped up. Audio that comes back after an underrun is led in
// the same way. The samples that leave at full level are therefore the samples
// that were written, each one once and in order, whatever pauses there were.
// Only ResumeWord, for after a long pause, repeats the word that the pause cut,
// which then counts once.
// Clear ramps down in 15 ms and drops the rest.
//
// The player never waits, resamples, mixes or reads a socket.
package player
