// Package access says who may use the HTTP API and the pages, and what for.
//
// Whoever asks shows a key. The configuration has each key's SHA-256 and never
// the key itself, a name that stands in the records of what was done, and a
// role; a role has rights. The console asks this package before each request.
//
// The package keeps no sessions, reads no file and records nothing.
package access
