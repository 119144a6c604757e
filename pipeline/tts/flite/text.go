package flite

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	maxPiece = 200 // bytes of text that the engine is given at once
	maxField = 40  // bytes of one word; a longer one is broken up
)

// piece is a part of a text, as the engine is given it.
type piece struct {
	plain  string  // printable ASCII
	fields []field // the text's own words, in order
}

// field is a word of the text as it was written, with its marks.
type field struct {
	text string
	at   int // where it begins in plain
}

// split cuts a text into pieces, at the end of a sentence or at least at the
// end of a word. A text with nothing to say gives none.
func split(text string) []piece {
	var pieces []piece
	var p piece
	flush := func() {
		if strings.ContainsFunc(p.plain, speakable) {
			pieces = append(pieces, p)
		}
		p = piece{}
	}
	for _, word := range strings.Fields(text) {
		for _, part := range parts(plain(word)) {
			if len(p.plain)+1+len(part) > maxPiece {
				flush()
			}
			at := len(p.plain)
			if at > 0 {
				at++ // after a space
			}
			p.fields = append(p.fields, field{text: word, at: at})
			if part != "" {
				p.plain = join(p.plain, part)
			}
			word = "" // the further parts belong to the same word
		}
		if len(p.plain) > maxPiece/2 && strings.ContainsAny(p.plain[len(p.plain)-1:], ".?!;:") {
			flush()
		}
	}
	flush()
	return pieces
}

func speakable(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// parts breaks a word up that the engine should not be given whole. A word of
// nothing but marks stays, so that the words said are all accounted for.
func parts(s string) []string {
	var out []string
	for len(s) > maxField {
		out = append(out, s[:maxField])
		s = s[maxField:]
	}
	return append(out, s)
}

// symbols are said as words, or stand for plainer marks. What is neither here
// nor printable ASCII is left out, and so is markup.
var symbols = map[rune]string{
	'&': "and", '+': "plus", '=': "equals", '%': "%", '@': " at ",
	'’': "'", '‘': "'", '“': "", '”': "", '"': "", '–': ",", '—': ",", '…': ".",
	'€': "euro", '£': "pounds", 'ß': "ss", 'ø': "o", 'Ø': "O", 'æ': "ae", 'Æ': "AE", 'œ': "oe", 'ł': "l", 'Ł': "L", 'đ': "d",
	'*': "", '_': " ", '#': "", '<': "", '>': "", '~': "", '`': "", '|': "", '\\': "", '^': "", '{': "", '}': "", '[': "", ']': "",
}

// plain spells a word in printable ASCII: accents are dropped.
func plain(word string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(word) {
		if s, ok := symbols[r]; ok {
			b.WriteString(s)
			continue
		}
		if r > ' ' && r < unicode.MaxASCII {
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
