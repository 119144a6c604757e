// Package storage keeps the records of calls in PostgreSQL: calls, their
// turns and their events.
//
// A Store is a pool of connections with the fixed queries; the console and
// the commands read through it. A Journal writes behind the running calls: it
// takes rows without ever blocking, keeps them in memory within a bound while
// the database is away, and writes them in order, each once, when it returns.
//
// Storage decides nothing: why a call ended and whose fault it was come from
// its callers. It never logs a telephone number, a word that somebody said,
// or a database URL with its password.
package storage
