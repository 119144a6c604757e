// Package cartesia is a voice behind Cartesia's WebSocket. One connection
// carries many texts at a time, each in a context of its own.
//
// Used of the protocol: raw pcm_mulaw at 8 kHz, passed on octet by octet, but
// that the two zeros of µ-law become one; word
// timestamps; cancelling a context when the caller interrupts. Not used:
// continuations, since whole sentences are sent; emotions; cloning.
//
// Source: the API reference, "TTS (WebSocket)", version 2025-04-16. The
// sub-room cartesiatest has a server for tests.
package cartesia
