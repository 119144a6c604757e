// Package elevenlabstest is a server that speaks ElevenLabs' streaming
// WebSocket, failures included, for tests without a network.
package elevenlabstest
