// Package whisper is a recogniser behind servers that take a whole recording:
// OpenAI's transcriptions endpoint and those that speak it (Groq,
// faster-whisper-server, whisper.cpp).
//
// A talkspurt is a request, sent as a WAV file at its end, so that the words
// come later than from a streaming recogniser. Partial words cost further
// requests, at the price of all audio so far each: see Config.Interim. A long
// talkspurt is cut at a quiet place. What such models make up for silence is
// left out.
//
// Not used: timestamps, translation, the servers' own streaming of one
// answer.
//
// Source: the API reference "Create transcription", and the README of
// whisper.cpp's server. The sub-room whispertest has a server for tests.
package whisper
