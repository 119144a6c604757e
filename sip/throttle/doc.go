// Package throttle bounds how often something happens, by token buckets: one
// for all of a kind, or one for each source address.
//
// Room sip asks it before it spends work on a message or a call. Asking costs
// no allocation once a source is known. The room is told the time.
package throttle
