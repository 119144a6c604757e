// Package tone finds the tones that machines put on a line: the network's
// ringback, busy, reorder and special information tones, the calls of fax
// machines, and the beep of an answering machine.
//
// A Detector is stepped by the caller's frames and returns events that carry
// their time in the call. The line runs one and hands its events to the call,
// which decides what they mean. The package is pure and keeps no clock; it
// knows nothing of telephone keys (media/dtmf) and of speech (media/vad).
package tone
