// Package deepgramtest is a server that speaks Deepgram's live transcription,
// failures included, for tests without a network.
package deepgramtest
