// Package vad tells speech from what is not speech, frame by frame.
//
// Detector judges one frame by its spectrum: a filterbank measures six bands,
// and in each a mixture of normal distributions models noise and speech. It is
// the detector of the WebRTC project (LICENSE.webrtc) at 8 kHz in mode 2, to
// the bit, in Go: a test compares the two frame by frame. Gate smooths its
// judgements into talkspurts: an onset after enough speech frames close
// together, an offset after a hangover, with a level below which nothing is
// speech. Level measures a frame.
//
// The line runs the Detector on each frame from the caller; the conversation
// runs the Gate. The package starts no goroutine and does no endpointing: the
// end of a talkspurt is not the end of a turn.
package vad
