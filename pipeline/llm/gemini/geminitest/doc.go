// Package geminitest is a server that speaks Google's streamed generateContent,
// failures included, for tests without a network.
package geminitest
