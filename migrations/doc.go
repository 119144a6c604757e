// Package migrations holds the database's schema as numbered goose
// migrations, embedded into the binary. Storage applies them; nothing else
// reads this package.
//
// A migration that has been released is never edited: a change of the schema
// is a new file, with a Down part that undoes it.
package migrations
