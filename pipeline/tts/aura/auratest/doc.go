// Package auratest is a server that speaks Deepgram's text to speech over HTTP,
// failures included, for tests without a network.
package auratest
