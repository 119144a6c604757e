// Package privacy holds the types of what a log must not tell: telephone
// numbers and the words that people say.
//
// A value of these types masks itself wherever it is logged or formatted.
// Storage, the SIP door and the console, which need the value itself, say so
// by converting it: string(n). The package masks; it does not encrypt, and it
// redacts no recording or transcript.
package privacy
