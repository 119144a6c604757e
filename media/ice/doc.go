// Package ice is the lite side of ICE (RFC 8445 section 2.5): it answers the
// connectivity checks of a far end that can be reached from nowhere but its own
// side, such as a browser, and says where that far end is.
//
// sip/sdp carries the Credentials of both sides, media/rtp gives the Agent what
// comes to its port and asks it where media may go. The agent sends no checks of
// its own and gathers nothing: its one candidate is the address of the RTP port.
//
// # Trust
//
// An address is believed when it sent a STUN Binding request (RFC 8489) whose
// MESSAGE-INTEGRITY proves our password, which only the far end's session
// description was told, and for 30 s after each (RFC 7675). What proves nothing
// is not answered: a stranger does not learn that somebody listens.
//
// The package owns no socket and no clock, and never prints a password.
package ice
