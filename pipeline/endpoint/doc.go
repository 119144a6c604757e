// Package endpoint decides how long to wait, after the caller fell silent,
// before the caller's turn counts as over.
//
// The wait follows from how complete the words read: "yes" is over at once,
// "my name is" is not, and a caller who reads out a number gets time to find
// the next digits. The turn machine asks after each change of the transcript
// and counts the wait from the last voiced frame.
//
// The package is pure: no clock, no audio, no state. It never ends a turn; it
// only says how much silence would.
package endpoint
