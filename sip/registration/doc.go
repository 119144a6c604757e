// Package registration decides when a trunk registers with its registrar, and
// what to make of the answers (RFC 3261 section 10.2).
//
// Room sip drives one Machine per registered trunk: it sends what Next says,
// waits as long as Next says, and tells the Machine what came of it. The room
// is pure: no clock, no goroutine, no message.
package registration
