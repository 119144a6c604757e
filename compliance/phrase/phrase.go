// Package phrase finds listed phrases in what somebody said. It is what
// optout, objection and robot read their lists with: no model, no guess, the same answer
// each time. It knows no language and no list of its own.
package phrase

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Words are the words of a text in the form in which phrases are compared:
// lower case, without accents, apostrophes and punctuation.
func Words(text string) []string {
	folded := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r), r == '\'', r == '’', r == '‘', r == 'ʼ':
			return -1
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '*', r == '|', r == '?', r == '^', r == '$':
			return unicode.ToLower(r)
		default:
			return ' '
		}
	}, norm.NFKD.String(text))

	return strings.Fields(strings.ReplaceAll(folded, "ß", "ss"))
}

// Said is Words of what was said, in which the signs of patterns mean nothing.
func Said(text string) []string {
	return Words(strings.Map(func(r rune) rune {
		if strings.ContainsRune("*|?^$", r) {
			return ' '
		}

		return r
	}, text))
}

// Pattern is a phrase to look for. It is written as words, of which
//
//	a|b   is one of several
//	a?    may be missing
//	*     is up to three words of any kind
//	^ $   are the beginning and the end of what was said
type Pattern struct {
	text   string
	tokens []token
}

type token struct {
	any      bool // up to mostAny words
	begin    bool
	end      bool
	optional bool
	words    []string
}

// mostAny is how many words a * may stand for.
const mostAny = 3

var errEmpty = errors.New("is a phrase without words")

// Parse reads a pattern.
func Parse(text string) (Pattern, error) {
	p := Pattern{text: text}
	literal := false
	for _, w := range Words(text) {
		switch w {
		case "*":
			p.tokens = append(p.tokens, token{any: true})
		case "^":
			p.tokens = append(p.tokens, token{begin: true})
		case "$":
			p.tokens = append(p.tokens, token{end: true})
		default:
			bare := strings.TrimSuffix(w, "?")
			if strings.ContainsAny(bare, "*?^$") || slices.Contains(strings.Split(bare, "|"), "") {
				return Pattern{}, fmt.Errorf("phrase %q: %q is no word", text, w)
			}
			literal = literal || bare == w
			p.tokens = append(p.tokens, token{optional: bare != w, words: strings.Split(bare, "|")})
		}
	}
	if !literal {
		return Pattern{}, fmt.Errorf("%q %w", text, errEmpty)
	}

	return p, nil
}

// UnmarshalText implements encoding.TextUnmarshaler: lists in files are read as
// patterns.
func (p *Pattern) UnmarshalText(text []byte) (err error) {
	*p, err = Parse(string(text))

	return err
}

// String is the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Hit is a phrase found: the words from From up to but without To.
type Hit struct {
	Pattern  string
	From, To int
}

// overlaps says whether two hits share a word.
func (h Hit) overlaps(o Hit) bool { return h.From < o.To && o.From < h.To }

// Find returns the first phrase of the list in the words, leaving out those
// that share a word with one of the exceptions.
func Find(words []string, list, except []Pattern) (Hit, bool) {
	var spared []Hit
	looked := false
	for at := range words {
		for i := range list {
			end, ok := match(list[i].tokens, words, at)
			if !ok {
				continue
			}
			if !looked {
				spared, looked = all(words, except), true
			}
			hit := Hit{Pattern: list[i].text, From: at, To: end}
			if !slices.ContainsFunc(spared, hit.overlaps) {
				return hit, true
			}
		}
	}

	return Hit{}, false
}

// all are the hits of every pattern at every word.
func all(words []string, patterns []Pattern) []Hit {
	var hits []Hit
	for i := range patterns {
		for at := range words {
			if end, ok := match(patterns[i].tokens, words, at); ok {
				hits = append(hits, Hit{Pattern: patterns[i].text, From: at, To: end})
			}
		}
	}

	return hits
}

// match says whether the tokens match the words from at on, and where they
// end.
func match(tokens []token, words []string, at int) (int, bool) {
	if len(tokens) == 0 {
		return at, true
	}
	t, rest := tokens[0], tokens[1:]
	switch {
	case t.begin:
		return matchIf(at == 0, rest, words, at)
	case t.end:
		return matchIf(at == len(words), rest, words, at)
	case t.any:
		for skip := 0; skip <= mostAny && at+skip <= len(words); skip++ {
			if end, ok := match(rest, words, at+skip); ok {
				return end, true
			}
		}

		return 0, false
	}
	if at < len(words) && slices.Contains(t.words, words[at]) {
		if end, ok := match(rest, words, at+1); ok {
			return end, true
		}
	}

	return matchIf(t.optional, rest, words, at)
}

func matchIf(ok bool, rest []token, words []string, at int) (int, bool) {
	if !ok {
		return 0, false
	}

	return match(rest, words, at)
}
