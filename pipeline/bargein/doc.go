// Package bargein judges speech over the agent's voice: does the caller take
// the turn, murmur agreement, or only cough?
//
// At the onset of speech the turn machine pauses the agent at once. It then
// asks this package each time it knows more, and either cuts the agent off or
// lets it go on from the very sample where it stopped. Every verdict names its
// reasons, so that a person can see why the agent stopped or did not.
//
// The package is pure: the same evidence always has the same verdict.
package bargein
