package ngram

import (
	"strings"
	"unicode"
)

// Words splits a phrase into lower-case words: letters, digits and
// apostrophes inside a word. Everything else separates words.
func Words(phrase string) []string {
	words := strings.FieldsFunc(strings.ToLower(phrase), func(r rune) bool {
		return r != '\'' && r != '’' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	kept := words[:0]
	for _, word := range words {
		word = strings.Trim(strings.ReplaceAll(word, "’", "'"), "'")
		if word != "" {
			kept = append(kept, word)
		}
	}
	return kept
}
