// Package jobs has work done that is nobody's call: now and then, or once, by
// one node of all. It is a thin cover of River, whose jobs are rows of the
// database: they outlive the process that asked for them, are tried again with
// growing pauses when they fail, and can be looked at.
//
// Rooms declare their jobs as Handlers; cmd/trunkline gives them to a Runner,
// which works them until it is stopped. A Queue asks for jobs, in a transaction
// of the caller's if need be, and lists them. Its schema is a migration of
// package storage.
//
// The package knows nothing of what a job does. A job never spans a call.
package jobs
