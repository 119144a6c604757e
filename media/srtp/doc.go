// Package srtp protects the packets of one call by SRTP and SRTCP (RFC 3711)
// with the two suites that SIP trunks use, AES_CM_128_HMAC_SHA1_80 and _32.
//
// sip/sdp negotiates the keys by security descriptions (RFC 4568), or media/dtls
// by a handshake on the call's port (RFC 5764); media/rtp makes a Sealer of our
// key and an Opener of the far end's. The transforms are
// pion's. The package owns no socket, logs nothing, and never prints a key.
package srtp
