// Package openai is a recogniser behind OpenAI's realtime transcription, and
// behind servers that speak the same protocol.
//
// Used of the protocol: audio/pcmu as it came from the line, transcription
// sessions without the server's turn detection, a commit at the end of a
// talkspurt, a prompt with words to expect. Models that stream give words while
// the caller speaks, others after the commit. Not used: noise reduction, log
// probabilities.
//
// Source: the API guide "Realtime transcription" and the reference of the
// Realtime API's events. The sub-room openaitest has a server for tests.
package openai
