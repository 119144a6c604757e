// Package dialect is how each carrier frames the audio of a call on a
// WebSocket: which messages come and go, in which encoding, how a queue is
// emptied and how the carrier tells that something was played. The carriers
// are rows of one table; the twilio door's stream leg knows only the row.
//
// A Dialect reads the carrier's messages into one Message and writes ours. It
// is pure: it has no socket, no goroutine and no clock. Media messages are
// read and written without allocating; all others are parsed as strict JSON.
//
// What differs between carriers is normalised: a mark that came back is Played
// with its name, whatever the carrier calls it. Twilio, Telnyx, SignalWire and
// Exotel send all pending marks back when their queue is emptied, Plivo and
// Vonage say Cleared instead and forget them; names carry the generation, so
// that neither is taken for audio that was heard.
package dialect
