// Package turn is the pure machine that decides whose turn it is.
//
// Five states: idle, listening, thinking, speaking, interrupted. Events go in,
// actions come out. The machine has no clock, no goroutine and no audio: an
// event says when it happened, and a timer is an action that comes back as an
// event. The same events always give the same actions, so a finished call's
// log replays.
//
// Package pipeline drives it. The machine chooses no words: it says what kind
// of line is wanted, and the driver has the text.
package turn
