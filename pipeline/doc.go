// Package pipeline is the shared streaming core: it turns the audio of one
// call into a conversation. It recognises, thinks and speaks, and it decides
// whose turn it is.
//
// The package declares the three interfaces that providers implement
// (Recognizer, Model, Synthesizer) and drives the pure turn machine of
// pipeline/turn with goroutines and a clock. Providers live in the sub-rooms
// asr, llm and tts. Talk has the same conversation typed, without audio.
//
// It knows no carrier and no SQL: a door gives it a media.Leg through
// media/line, and call takes its events to the records.
package pipeline
