// Package openaitest is a server that speaks OpenAI's speech endpoint, failures
// included, for tests without a network.
package openaitest
