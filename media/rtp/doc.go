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
// stepped with the time it needs: latch (whose packets are ours), source (the
// sender's numbering), keyReceiver and keySender (telephone events), receiver
// (one datagram's way in), sender (one frame's way out). Session drives them:
// one goroutine reads the RTP socket, one drains the RTCP socket, and the line
// clock's goroutine calls Read and Write. Reading and writing share no loop
// and no lock, and neither allocates.
//
// # Trust
//
// Packets are taken from the address that the SDP named, at once. Until one
// came from there, another address is believed after four consecutive valid
// packets of one SSRC; our sending address then moves to it. This happens once
// per SDP address: from then on all other sources are strangers, dropped and
// counted. It lets a caller behind a NAT be heard and keeps a call from being
// stolen by a spray of packets.
//
// RTCP is bound next to RTP, read and dropped. The package speaks no SDP and
// no SIP, and runs on Linux.
package rtp
