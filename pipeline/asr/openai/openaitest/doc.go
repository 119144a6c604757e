// Package openaitest is a server that speaks OpenAI's realtime transcription,
// failures included, for tests without a network.
package openaitest
