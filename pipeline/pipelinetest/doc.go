// Package pipelinetest is one call in virtual time, for the tests of whatever
// holds a conversation: the caller's phone, the voice of the fixed lines, and
// notes of all that happens. It never judges a conversation, beyond that its
// log replays.
package pipelinetest
