// Package transfer decides how a caller gets to a person: by asking the carrier
// to call them (REFER, RFC 3515), or by calling the person here, telling them
// who waits, having them accept and joining both. When nobody is reached the
// caller comes back to the agent.
//
// It also decides how somebody else comes in a caller's place, when the caller's
// end asks for that (Succession).
//
// Both are pure state machines: package call steps them with what happens and
// carries out their actions. They know no door, no audio and no clock.
package transfer
