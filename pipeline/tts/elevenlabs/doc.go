// Package elevenlabs is a voice behind ElevenLabs' streaming WebSocket
// (stream-input). The protocol speaks one text per connection, so that opened
// connections are kept ready.
//
// Used of the protocol: output_format ulaw_8000, passed on octet by octet, but
// that the two zeros of µ-law become one;
// alignment of characters, from which words are placed; auto mode, since whole
// sentences are sent. Not used: voice cloning, several contexts, dictionaries.
//
// Source: the API reference, "Text to Speech WebSocket". The sub-room
// elevenlabstest has a server for tests.
package elevenlabs
