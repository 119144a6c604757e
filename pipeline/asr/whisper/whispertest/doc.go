// Package whispertest is a server of transcriptions for tests.
package whispertest
