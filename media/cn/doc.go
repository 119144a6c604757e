// Package cn makes comfort noise as RFC 3389 describes it: noise of the level,
// and if the sender tells it the spectrum, of the room that the caller is in,
// for the time in which the caller's telephone sends no audio.
//
// The rtp session parses the packets of payload type 13 with it, the jitter
// buffer fills the gaps. Both parts are pure and allocate nothing.
package cn
