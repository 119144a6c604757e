// Package twilio is the door of carriers that tell calls by webhook and carry
// their audio over a WebSocket: Twilio and those that work alike. It answers
// webhooks from memory, believes none that is not signed, and hands over each
// call with a media.Buffered leg.
//
// The call room takes the calls; cmd/trunkline makes the Server and stops it.
// The door knows no conversation and keeps no records.
//
// # Parts
//
// Server serves the carrier's requests. A call's first webhook makes a Call and
// hands it to the Handler; what that decides becomes the answer. The answer
// names the socket and a token, good once, for a moment, and for that call
// only. Whoever opens the socket and tells the token is the call's audio: the
// Leg. What the carrier says of the call afterwards, in callbacks that come
// twice or in any order, goes through one small state machine.
//
// Sub-rooms: signature (who may ask), framing (what a WebSocket's octets mean),
// dialect (how carriers frame audio), rest (Twilio's API).
package twilio
