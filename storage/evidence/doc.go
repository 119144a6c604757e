// Package evidence keeps in PostgreSQL what proves that a call was allowed:
// consents, suppressions, do-not-call lists, decisions and attempts, and who
// did what by the API and the commands.
//
// Rows are added and never changed; the gateway's role in the database cannot
// change them, and triggers refuse everybody else. Each row is an entry of its
// tenant's ledger, whose hashes form a chain: package bundle exports it and
// finds the first entry that was tampered with, without a database.
//
// Telephone numbers are looked up by a keyed hash and stored sealed, so that a
// copy of the database names nobody, and a suppression outlives the erasure of
// everything else about a person. The Keys come from a file outside the
// database.
//
// Gate asks for facts and stores its decisions here; the commands and the API
// import, show and export. The package decides nothing: whether a call may be
// placed is package compliance's to say.
package evidence
