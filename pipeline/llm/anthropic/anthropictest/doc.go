// Package anthropictest is a server that speaks Anthropic's streamed messages,
// failures included, for tests without a network.
package anthropictest
