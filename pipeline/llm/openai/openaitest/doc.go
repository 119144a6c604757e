// Package openaitest is a server that speaks OpenAI's streamed chat
// completions, failures included, for tests without a network.
package openaitest
