// Package rest drives calls through Twilio's REST API: it places them, ends
// them, redirects and transfers them and controls their recordings. It also
// reads and points the account's numbers.
//
// The door by which calls leave uses it, and the commands that set an account
// up. It knows no conversation, keeps no records and hears no audio.
//
// Twilio knows no idempotency key for a new call. A request whose answer is
// lost may have placed it, so Create asks the account's list of calls before
// it tries again, and does not try again while that cannot be read. A hang-up
// is repeated until the call is seen to be over (End).
//
// Calls leave in a queue of the account's own, one per second unless Twilio
// has agreed to more: in Twilio's queue they would wait unseen, for up to a
// day.
package rest
