// Package digest proves and checks who sends a SIP request, by the Digest
// scheme of RFC 7616 with the algorithms of RFC 8760: SHA-256 and, for peers
// that know no better, MD5.
//
// Room sip calls it: a Client answers the challenges (401 and 407) to our
// requests, a Server makes challenges for the far end's and checks what they
// are answered with. The room is pure: it is told the time, and reads no
// message but the values of the four headers.
//
// Never: auth-int, which binds the body and breaks at every proxy that
// rewrites SDP; the -sess algorithms and hashed user names, which no carrier
// asks for; printing a password, see Credentials.
package digest
