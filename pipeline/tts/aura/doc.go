// Package aura is a voice behind Deepgram's Aura over HTTP, whose answer is
// streamed.
//
// Used of the protocol: mulaw at 8 kHz without a container, passed on octet by
// octet, but that the two zeros of µ-law become one. It does not tell where words begin. Not used: its WebSocket, which
// adds nothing for whole sentences; callbacks.
//
// Source: the API reference, "Text to Speech REST". The sub-room auratest has a
// server for tests.
package aura
