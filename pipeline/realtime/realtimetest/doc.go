// Package realtimetest is a server of OpenAI's Realtime API for tests. It
// speaks the documented events over a WebSocket, failures included, and keeps
// the conversation as a server does: with what was truncated.
package realtimetest
