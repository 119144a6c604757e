// Package endpoint decides how long to wait, after the caller fell silent,
// before the caller's turn counts as over.
//
// The wait follows from three things. How whole the turn is: a small logistic
// model weighs what the words leave open ("my name is", seven digits of ten, "um"),
// what the agent had asked, how the voice ended, and what the recogniser says
// itself. How this caller pauses: the longer the pauses within turns so far in
// the call, the longer the silence that means something. And how rarely a caller
// may be cut off. The turn machine asks after each change of the transcript and
// counts the wait from the last voiced frame.
//
// The word lists of a language are data (lists), and so are the weights, which
// the command learn makes from the turns of corpus; they are of kinds of words,
// not of words, and serve all languages.
//
// The package is pure: no clock, no audio, no goroutine. It never ends a turn; it
// only says how much silence would, and why.
package endpoint
