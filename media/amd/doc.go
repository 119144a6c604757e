// Package amd tells who or what answered a call that was placed: a person, an
// answering machine, a telephone's screening assistant, a menu, or a fax
// machine.
//
// A Detector is a pure state machine. Frames of the callee's audio are its
// only clock: package call steps it from the answer on, and hands it what the
// tone detector and a recogniser found. It says when the agent may speak, so
// that a person hears the opening soon after the greeting (47 CFR
// 64.1200(a)(7): within 2 s of it), and when a machine takes a message. What
// it cannot tell is Unknown, which is to be treated as a person.
//
// The package hears no audio, starts nothing and decides nothing about what is
// done with a machine.
package amd
