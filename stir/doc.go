// Package stir reads, checks and makes the signed caller identities of
// STIR/SHAKEN: the Identity header of an INVITE (RFC 8224) with its PASSporT
// (RFC 8225) of the type shaken (RFC 8588), signed by ES256.
//
// The SIP door asks a Verifier about each inbound INVITE of a trunk that
// wants it, and a Signer about calls that an operator with a certificate of
// its own places. What follows from a verdict is the trunk's policy, not this
// package's: most carriers deliver calls whatever it is.
//
// The package fetches certificates over HTTPS, within bounds that keep a
// caller from choosing what this machine connects to (see Fetcher), and does
// no other I/O. It looks at no revocation list.
package stir
