// Package migrations holds the database's schema as numbered goose
// migrations, embedded into the binary. Storage applies them; nothing else
// reads this package. Number 13 is the job queue's own schema, which storage
// brings up by River's migrations.
//
// A migration that has been released is never edited: a change of the schema
// is a new file, with a Down part that undoes it.
package migrations
