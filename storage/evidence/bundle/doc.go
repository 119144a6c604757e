// Package bundle is the form in which evidence leaves the database: a file
// that proves by itself that nothing in it was changed, and by whom it was
// made. Storage/evidence writes it; anybody may check it, with no database and
// no network, years later.
//
// A bundle is lines of canonical JSON (RFC 8785, whole numbers). The first says
// what it is, then come the entries of each tenant's chain from its beginning,
// then the heads of the chains, and last a signature over all lines before.
// The hash of an entry is SHA-256 of the hash before it (32 zero bytes for the
// first), its number as 8 bytes, big-endian, and the entry's canonical JSON.
//
// The package never opens what is sealed in an entry, and does not say whether
// a decision was right.
package bundle
