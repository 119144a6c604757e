// Package dtls makes the SRTP keys of one call by a DTLS handshake on the call's
// own port (DTLS-SRTP, RFC 5763 and RFC 5764), as browsers want it.
//
// The process has one Endpoint: a certificate of its own, whose fingerprint the
// session descriptions tell, and the bound on handshakes at once. media/rtp
// opens an Association for each call and gives it what comes from the far end;
// the association gives back datagrams to send, and the keys.
//
// # Trust
//
// The far end is who shows the certificate whose fingerprint its session
// description told; no authority signs it. media/rtp hands over only what comes
// from an address that passed a connectivity check, so that a stranger cannot
// begin a handshake; the server's side asks for a cookie besides (RFC 6347
// section 4.2.1). A handshake has 15 s, a call three of them, and 32 run at once.
//
// The protocol is pion's. The package owns no socket, and prints no key.
package dtls
