// Package openai is a voice behind OpenAI's speech endpoint, and behind servers
// that speak the same protocol.
//
// Used of the protocol: response_format pcm, which is linear 16-bit at 24 kHz
// and is brought down to 8 kHz as it comes; instructions on how to speak. It
// has no format for telephones and does not tell where words begin.
//
// Source: the API reference, "Create speech". The sub-room openaitest has a
// server for tests.
package openai
