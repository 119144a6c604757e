package redact

import (
	"unicode/utf8"
)

// mostHeld is how many bytes a Stream holds back at most. Speech and prompts
// come nowhere near; beyond it a number may be cut in two and be missed.
const mostHeld = 1 << 12

// Stream is Text for a text that comes in pieces. What it gives out, put
// together, is what Text makes of the whole, however it was cut. It holds back
// what later pieces could still make a part of a number: nothing of plain
// prose but its last word, and eight words after a digit. Its zero value is
// ready; it is not safe for concurrent use.
type Stream struct {
	held  []byte
	found int
}

// Write takes the next piece and returns what is safe to give out.
func (s *Stream) Write(text string) string {
	s.held = append(s.held, text...)
	if len(s.held) > mostHeld {
		return s.Flush()
	}
	cut := safe(string(s.held[:whole(s.held)]))
	out, n := Text(string(s.held[:cut]))
	s.found += n
	s.held = append(s.held[:0], s.held[cut:]...)

	return out
}

// Flush returns the rest. The stream may be used again.
func (s *Stream) Flush() string {
	out, n := Text(string(s.held))
	s.found += n
	s.held = s.held[:0]

	return out
}

// Found is how many numbers were taken out so far.
func (s *Stream) Found() int { return s.found }

// whole is the length of the text without a last rune that is not whole yet.
func whole(text []byte) int {
	for back := 1; back <= min(utf8.UTFMax, len(text)); back++ {
		if at := len(text) - back; utf8.RuneStart(text[at]) {
			if !utf8.FullRune(text[at:]) {
				return at
			}

			break
		}
	}

	return len(text)
}

// safe is up to where nothing that follows the text can change what Text makes
// of it: before its last piece, and where the last nearWords words have
// neither digits nor a security code's name.
func safe(text string) int {
	cut, plain := 0, nearWords
	for _, p := range split(text) {
		if plain >= nearWords {
			cut = p.from
		}
		_, number := words.digits[p.text]
		_, code := words.code[p.text]
		switch {
		case p.kind == between:
		case p.kind == digits || number || code:
			plain = 0
		default:
			plain++
		}
	}

	return cut
}
