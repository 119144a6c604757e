// Package spool is a log of records in local files, for what must outlive an
// outage of the database and the death of the process.
//
// A record that Append has taken is on the disk: it was written, followed by
// its checksum, and fsync has returned. One fsync serves all records that
// arrive while another runs (group commit). The consumer reads the records
// in their order with Next, does with them what they are for, and marks them
// with Settle; the mark is durable too. After a crash between the two the
// same records come again, so the consumer's writes must be idempotent, by a
// key in each record. Then each takes effect exactly once.
//
// What a crash or a bad disk does to the files is found and reported: a write
// that was torn at the end of a segment is cut off, a damaged record in the
// middle is skipped, and reading goes on at the next whole one. Nothing
// depends on the clock: records are numbered.
//
// storage.Journal keeps the history of calls here, and gate the revocations.
// The package knows nothing of what a record holds, encrypts nothing, and
// never gives up a record to make room for another: a full spool refuses.
package spool
