// Package route says who answers a call and by which way one leaves: the agent
// of a called number, and of a number to be called the door, the trunk, the
// caller ID and the agent. It also refuses the numbers that a stolen key or a
// slip in a list would be used for: other countries, premium rates and
// satellites.
//
// Package call asks a Table about every call; cmd/trunkline makes it from the
// configuration, and `trunkline route-test` prints what it says and why.
//
// The package is pure: it does no I/O, knows no call, and does not decide
// whether a call is lawful, which is the compliance gate's.
package route
