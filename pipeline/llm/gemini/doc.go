// Package gemini is a model behind Google's generateContent, streamed as
// server-sent events.
//
// Used of the protocol: a system instruction, function declarations with a JSON
// schema, several calls in one reply, usage with cached tokens. Not used:
// thoughts, files, code execution, explicit caches.
//
// Source: the Gemini API reference, models.streamGenerateContent, v1beta. The
// sub-room geminitest has a server for tests.
package gemini
