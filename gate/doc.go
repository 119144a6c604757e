// Package gate stands before every call that trunkline places: it finds the
// facts about an attempt, has the rules judge them, and records the decision,
// and with one that allows the attempt, before anything is dialed.
//
// Call asks it (call.Gate) and dials nothing that it has not admitted. It
// also takes revocations: from the moment a person asks not to be called, this
// node does not dial them, whether the database is there or not; while it is
// away the revocation waits in a spool on disk, and goes into the database
// when it is back. So do proofs of what
// calls said that they must say.
//
// Whatever fails denies: no database, no decision, no dial. The package has no
// rules of its own (package compliance) and no queries (package
// storage/evidence), and never dials.
package gate
