// Package anthropic is a model behind Anthropic's messages, streamed.
//
// Used of the protocol: system text marked for the prompt cache, tools with
// several calls in one reply, results marked as errors, usage with cached
// tokens. Not used: thinking, images, server tools.
//
// Source: the API reference, "Messages" and "Streaming messages", version
// 2023-06-01. The sub-room anthropictest has a server for tests.
package anthropic
