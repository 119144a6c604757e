// Package media is the vocabulary of one call's audio: the 20 ms frame, the
// Leg that a door hands over, and the small types that travel with them.
//
// Audio inside trunkline is linear 16-bit mono at 8 kHz, moved in frames of
// 160 samples. A door (sip, twilio) turns its carrier's framing into a Leg;
// everything above the Leg is the same for every door. Each algorithm on the
// way of a frame has a sub-room of its own: rtp, jitter, g711, vad, player,
// line, clock, record.
//
// The package knows no signalling and no words, and imports nothing of ours.
package media
