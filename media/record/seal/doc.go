// Package seal encrypts a file while it grows, chunk by chunk, under a key of
// the file's own.
//
// The recorder writes sealed recordings with a Writer; the console and the
// commands read them with a Reader, anywhere in the file. Every chunk is
// authenticated with its place, and the last one says that it is the last:
// a changed bit, an exchanged chunk and a missing end are all found. A crash
// leaves every chunk that was complete readable; Repair closes such a file.
//
// The file's key is random. A Keyring wraps it for the key file beside it, and
// whoever destroys that has destroyed the content, all copies included. The
// format is in docs/recordings.md.
//
// The package knows nothing of audio, and keeps no key longer than its values
// live.
package seal
