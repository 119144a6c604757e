// Package sdp makes and reads the session descriptions of a call with one
// audio stream: G.711 and telephone-event over RTP/AVP, by the offer/answer
// model of RFC 3264.
//
// It is called by the SIP user agent. Every function is pure: it opens no
// socket, chooses no port and keeps no clock. What the caller brings is a
// Local; what comes out is a Description to send and an Audio to give to the
// RTP session.
//
// The package never guesses an address for media, never accepts a transport
// other than RTP/AVP and never negotiates a stream that is not audio: such
// streams are answered with port 0 in their place.
package sdp
