// Package talkspurt finds where speech begins and ends on a telephone line,
// and measures how two sides take turns: how long the agent takes to reply,
// and how soon it falls silent when it is interrupted.
//
// It is fed with the level of each frame or packet and the instant at which
// that packet was on the wire, and it names the first and the last packet
// that carried speech. The softphone feeds it live frames, softphone/wire
// feeds it captured packets; both therefore report the same figures.
//
// The package is pure: no goroutine, no clock, no socket. It looks only at
// levels; it does not tell a voice from music or a tone.
package talkspurt
