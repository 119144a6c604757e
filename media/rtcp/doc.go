// Package rtcp keeps the RTCP side of one call: when to report, what to
// report, and what the far end reports about us (RFC 3550 section 6).
//
// media/rtp drives one Session per call: it hands over the datagrams whose
// source it believes, asks when a report is due and sends it. The package is
// pure. It owns no socket and reads no clock; the wire format is pion's.
//
// A call has two parties, so the interval is always the minimum of RFC 3550
// section 6.2, and of section 6.3 what is left is the randomised timer with
// its reconsideration.
package rtcp
