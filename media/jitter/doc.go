// Package jitter evens out the arrival of one call's audio: packets go in as
// the network delivers them, frames come out once per 20 ms tick.
//
// The rtp session is its caller: it puts each decoded packet as it arrives and
// takes one frame per tick. A Buffer is pure: it has no goroutine, no lock and
// no clock; times are given to it. It never reads a socket and never invents
// audio: a Concealer does that.
//
// # How it keeps time
//
// Packets play in the order of their sequence numbers, each sample at the
// tick that its RTP timestamp gives. A packet that comes after its tick, when
// nothing newer has played, still plays: the play point moves back to it and
// the delay grows by that much. That one rule covers a late packet, a network
// stall, a sender that paused its timestamps and one that started them anew.
// The delay shrinks by one frame when every packet of the last one to two
// seconds waited a whole frame longer than the jitter seen asks for. A frame
// is skipped in a gap or in quiet audio; in speech only when the delay is far
// too long.
//
// No packet waits longer than Options.Max: what does is dropped, oldest first.
package jitter
