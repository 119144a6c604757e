// Package stretch makes speech last longer or shorter without changing its
// pitch, by WSOLA: it finds a place where the waveform repeats itself, and
// leaves out or plays twice what lies between, with a cross-fade.
//
// The jitter buffer is its caller: it changes the delay of a call that way.
// All functions are pure and allocate nothing.
package stretch
