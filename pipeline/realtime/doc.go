// Package realtime is a conversation with a speech-to-speech model: OpenAI's
// Realtime API over a WebSocket, and servers that speak it.
//
// A Conversation stands in for pipeline.Conversation in a call. It drives the
// same turn machine, plays through the same player, runs the same tools, says
// the same fixed lines and tells the same Observer; what differs is that one
// model hears the caller's audio and answers with audio. The words of both
// sides come beside that, for the records.
//
// The server may judge when the caller's turn is over, and then confirms that
// there is speech over the agent's voice. It starts and cancels no reply by
// itself: the turn machine does, so that a cough resumes at the exact sample.
// What the caller has not heard of a reply is truncated at the server, by what
// the player says.
//
// A session that is lost is opened anew with the conversation so far. A Standby
// has an ordinary conversation go on when that is no use: it takes the turn
// machine and everything else over between two talkspurts. What the caller has
// said and no session has written down is remembered for whoever goes on.
//
// It never waits on the tick goroutine, and knows no carrier and no records.
//
// Source: the API guide "Realtime conversations" and the reference of the
// Realtime API's client and server events. The sub-room realtimetest has a
// server for tests.
package realtime
