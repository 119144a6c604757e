// Package demo is the conversation that `trunkline demo` holds: what the
// caller says, how it is shown in a terminal while it happens, and whether it
// went as it should.
//
// The call itself is real: the command starts a gateway and has the softphone
// place a SIP call to it.
package demo
