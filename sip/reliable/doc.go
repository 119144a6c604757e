// Package reliable keeps count of reliable provisional responses (RFC 3262):
// which of ours is unconfirmed, and which of the far end's come in order. It
// is pure: package sip sends, resends and keeps the time.
package reliable
