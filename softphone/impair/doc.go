// Package impair makes a bad network out of a good one, the same one each time:
// delay, jitter, loss one by one or in bursts, reordering, duplicates, clock
// drift and a narrow link.
//
// A [Path] is one direction. It is pure: it owns no clock and no socket, and
// says of each packet when it arrives, if it does. The benchmarks step it in
// virtual time. A [Relay] is a thin driver around two of them: it stands
// between two UDP sockets in real time. [Media] puts a Relay pair, for RTP and
// RTCP, in front of each call of a softphone.
//
// It is for tests and measurements. The gateway never imports it. It knows no
// RTP: a packet is a number of octets.
package impair
