// Package vad tells speech from what is not speech, frame by frame.
//
// Detector judges one frame by its spectrum (the WebRTC project's detector,
// in C, at 8 kHz). Gate smooths its judgements into talkspurts: an onset after
// enough speech frames close together, an offset after a hangover, with a
// level below which nothing is speech. Level measures a frame.
//
// The line runs the Detector on each frame from the caller; the conversation
// runs the Gate. The package starts no goroutine and does no endpointing: the
// end of a talkspurt is not the end of a turn.
package vad
