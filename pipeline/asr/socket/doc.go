// Package socket is one call's stream to a recogniser behind a WebSocket: what
// the vendors' streaming protocols have in common.
//
// The rooms deepgram, assemblyai and openai give it a Protocol, which is pure:
// what is sent for audio and for the end of a talkspurt, and what the server's
// messages mean. The stream owns the connection, a writer and a reader, and
// keeps the rules of pipeline.Recognition: nothing of the tick goroutine waits.
package socket
