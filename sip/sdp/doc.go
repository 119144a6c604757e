// Package sdp makes and reads the session descriptions of a call with one
// audio stream: G.711 and telephone-event over RTP/AVP and RTP/SAVP, and with
// browsers over UDP/TLS/RTP/SAVPF, by the offer/answer model of RFC 3264.
//
// It is called by the SIP user agent. Every function is pure: it opens no
// socket, chooses no port and keeps no clock. What the caller brings is a
// Local; what comes out is a Description to send and an Audio to give to the
// RTP session.
//
// The package never guesses an address for media, never mixes keys of the
// signalling with those of DTLS and never negotiates a stream that is not audio:
// such streams are answered with port 0 in their place.
package sdp
