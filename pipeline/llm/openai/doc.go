// Package openai is a model behind OpenAI's chat completions, streamed: at
// OpenAI itself, and at any server that speaks the same protocol, such as vLLM,
// Ollama and llama.cpp.
//
// Used of the protocol: messages with the roles system, user, assistant and
// tool, function tools with several calls in one reply, usage in the stream.
// Not used: audio, images, stored prompts, the responses API, parallel choices.
//
// Source: the API reference, "Create chat completion" and "The chat completion
// chunk object". The sub-room openaitest has a server for tests.
package openai
