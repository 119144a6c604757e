// Package dtmf is all that there is to telephone keys in audio: it finds the
// keys that a caller presses in band, makes their tones for doors that cannot
// send events, counts a key once that arrives by several ways, and collects
// keys into numbers.
//
// The line runs a Detector on the caller's frames and a Merger on every
// source of keys; a conversation runs a Collector; a door that has no
// telephone events plays a Generator. All four are pure: stepped by frames
// or by events that carry their time, without goroutine, clock or
// allocation. The package knows neither RTP (telephone events are media/rtp's)
// nor signalling.
package dtmf
