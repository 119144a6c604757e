// Package rtp carries the audio of one call over UDP: RFC 3550 packets of
// G.711, and key presses as RFC 4733 telephone events.
//
// The sip door takes a Port from the Pool for each call, offers its address in
// SDP, makes a Session of it and applies the outcome of every offer and answer
// as Params. The Session is the media.Leg that the door hands over.
//
// # Parts
//
// What can be decided without a socket or a clock is a small state machine,
// stepped with the time it needs: latch (whose packets are ours), route (whose
// RTCP), source (the sender's numbering), keyReceiver and keySender (telephone
// events), receiver (one datagram's way in), sender (one frame's way out).
// Session drives them: the line clock's goroutine calls Read, which takes what
// has come off the socket, and Write; another goroutine receives RTCP and
// reports when it is due. Until the first Read a goroutine of the session takes
// the RTP. Reading and writing share no lock, and neither allocates, with SRTP
// or without. Packets wait in the kernel until the tick that may need them, and
// the kernel tells when each one came: no thread wakes for a packet.
//
// # Trust
//
// Packets are taken from the address that the SDP named, at once. Until one
// came from there, and only in the first seconds after the SDP, another
// address is believed after four consecutive valid packets of one SSRC, when
// it is on the SDP's host, on the host of the signalling, or when the SDP's
// address shows a NAT; then nothing is sent until the far end was heard. This
// happens once per SDP: from then on all other sources are strangers, dropped
// before they are parsed, and counted. RTCP follows the RTP. It lets a caller
// behind a NAT be heard and keeps a call from being stolen by a spray of
// packets. With SRTP a packet must be protected by the far end's key besides.
//
// A browser is found by its connectivity checks (media/ice), and makes the keys
// on the same port (media/dtls); web tells apart what comes there. It is sent
// nothing but answers to checks and handshake before there are keys, nothing
// that they do not protect, and nothing at all once it has made no check for
// 30 s.
//
// The package speaks no SDP and no SIP, and runs on Linux.
package rtp
