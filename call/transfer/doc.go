// Package transfer decides how a caller gets to a person: by asking the carrier
// to call them (REFER, RFC 3515), or by calling the person here, telling them
// who waits, having them accept and joining both. When nobody is reached the
// caller comes back to the agent.
//
// Machine is a pure state machine: package call steps it with what happens and
// carries out its actions. It knows no door, no audio and no clock.
package transfer
