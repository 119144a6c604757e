// Package jitter evens out the arrival of one call's audio: packets go in as
// the network delivers them, frames come out once per 20 ms tick.
//
// The rtp session is its caller: it puts each decoded packet as it arrives and
// takes one frame per tick. A Buffer is pure: it has no goroutine, no lock and
// no clock; times are given to it. It never reads a socket. What is missing is
// made up by a Concealer.
//
// # How long packets wait
//
// Each packet is compared with the most punctual one of the last three seconds:
// by how much was it later? A histogram of that, which forgets with a time
// constant of 10 s, tells the target: what 95 % of the packets need. Packets
// later than Options.Max do not count; five of them in a row are a path that
// became longer, and so is a least transit time that rises.
//
// A talkspurt begins when its first packet has waited for the target. Within
// it each sample plays when its timestamp says, and the delay is changed by
// time-scaling: speech is made longer or shorter by a pitch period where its
// waveform repeats itself well, quiet audio by any length at once. So a drift
// of the clocks is followed too, and never heard. A frame is needed by its
// tick, whole; so the delay is the target, rounded up to the next tick at which
// packets can be taken, and what is above that is given back. What the rounding
// costs, half a frame on average, is saved where ticks can move: Shift asks for
// them a little earlier or later, and so they follow the far end's clock too.
//
// # What is missing
//
// A packet that is not there at its turn is concealed. If it comes later, when
// nothing newer has played, it still plays: the play point moves back to it and
// the delay grows by that much, to be shortened again if the target does not
// ask for it. That one rule covers a late packet, a network stall, a sender
// that paused its timestamps and one that started them anew. No packet waits
// longer than Options.Max: what does is dropped, oldest first.
//
// After 60 ms without audio, or when a packet says so, the sender is silent:
// comfort noise is heard at the level that the sender told, and nothing until
// it told one.
package jitter
