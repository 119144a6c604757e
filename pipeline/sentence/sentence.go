package sentence

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Config bounds the pieces, in words. The zero value of a field takes the
// default that the field's comment gives.
type Config struct {
	First  int // the first piece may end at a comma after this many words: 4
	Clause int // later pieces may end at a comma after this many words: 12
	Max    int // a piece without any mark ends after this many words: 30
}

func (c Config) withDefaults() Config {
	if c.First == 0 {
		c.First = 4
	}
	if c.Clause == 0 {
		c.Clause = 12
	}
	if c.Max == 0 {
		c.Max = 30
	}
	return c
}

// A Splitter cuts one reply. The zero value is ready with default bounds.
type Splitter struct {
	config  Config
	ready   bool     // config has its defaults
	partial string   // the word that is still being written
	words   []string // whole words of the piece that is still open
	ended   ending   // what the last of words did
	pieces  int      // pieces given out so far
}

// New makes a Splitter with the given bounds.
func New(c Config) *Splitter {
	return &Splitter{config: c.withDefaults(), ready: true}
}

// Push takes the next text of the stream, cut anywhere, and returns the pieces
// that are complete.
func (s *Splitter) Push(text string) []string {
	if !s.ready {
		s.config, s.ready = s.config.withDefaults(), true
	}
	var pieces []string
	for text != "" {
		i := strings.IndexFunc(text, unicode.IsSpace)
		if i < 0 {
			s.partial += text
			pieces = s.peek(pieces)
			break
		}
		s.partial += text[:i]
		pieces = s.word(pieces)
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == '\n' && s.closesLine() {
			pieces = s.cut(pieces)
		}
		text = text[i+n:]
	}
	return pieces
}

// Flush returns the rest when the stream has ended; empty when there is none.
// The Splitter is then ready for another reply.
func (s *Splitter) Flush() []string {
	pieces := s.cut(s.word(nil))
	s.pieces = 0
	return pieces
}

// word takes the partial word as whole and cuts before or after it.
func (s *Splitter) word(pieces []string) []string {
	if s.partial == "" {
		return pieces
	}
	pieces = s.peek(pieces)
	w := s.partial
	s.partial = ""
	s.words = append(s.words, w)
	s.ended = endingOf(w)
	switch {
	case s.ended == sentenceEnd,
		s.ended == clauseEnd && len(s.words) >= s.clause(),
		len(s.words) >= s.config.Max && s.ended != titleEnd:
		return s.cut(pieces)
	}
	return pieces
}

// peek cuts after a word that may have ended the sentence, once the beginning
// of the next word tells.
func (s *Splitter) peek(pieces []string) []string {
	r, _ := utf8.DecodeRuneInString(strings.TrimLeft(s.partial, "\"'(“‘"))
	switch {
	case s.ended == maybeEnd && unicode.IsUpper(r),
		s.ended == numberMark && r != utf8.RuneError && !unicode.IsDigit(r):
		return s.cut(pieces)
	}
	return pieces
}

// clause is after how many words a comma ends the piece.
func (s *Splitter) clause() int {
	if s.pieces == 0 {
		return s.config.First
	}
	return s.config.Clause
}

// closesLine reports whether a line break ends the piece: it does, except
// after a word that surely goes on.
func (s *Splitter) closesLine() bool {
	return len(s.words) > 0 && s.ended != titleEnd
}

func (s *Splitter) cut(pieces []string) []string {
	if len(s.words) == 0 {
		return pieces
	}
	pieces = append(pieces, strings.Join(s.words, " "))
	s.words, s.ended = s.words[:0], noEnd
	s.pieces++
	return pieces
}

// ending is what a word does to the piece that it stands in.
type ending uint8

const (
	noEnd       ending = iota
	clauseEnd          // "though,"
	sentenceEnd        // "Sunday."
	maybeEnd           // "p.m.", which ends the sentence when a capital follows
	numberMark         // "No.", which ends the sentence unless digits follow
	titleEnd           // "Dr.", which never ends it
)

// endingOf classifies a whole word with its punctuation.
func endingOf(word string) ending {
	w := strings.TrimRight(word, "\"')]}”’")
	if w == "" {
		return noEnd
	}
	switch r, _ := utf8.DecodeLastRuneInString(w); r {
	case '?', '!', '…', '。', '？', '！':
		return sentenceEnd
	case ',', ';', ':', '—', '–':
		return clauseEnd
	case '.':
		return pointEnding(strings.ToLower(strings.TrimLeft(w, "\"'([“‘")))
	}
	return noEnd
}

// pointEnding classifies a lower-case word that ends with a full stop.
func pointEnding(w string) ending {
	switch {
	case strings.HasSuffix(w, ".."):
		return sentenceEnd
	case in(w, titles):
		return titleEnd
	case w == "no.":
		return numberMark
	case in(w, closers):
		return maybeEnd
	case utf8.RuneCountInString(w) == 2 && w != "i." && unicode.IsLetter(rune(w[0])):
		return titleEnd // an initial, as in "J. Reed"
	}
	return sentenceEnd
}

func in(w string, list []string) bool {
	for _, l := range list {
		if w == l {
			return true
		}
	}
	return false
}

var (
	// titles are abbreviations that a name or a number follows.
	titles = []string{
		"mr.", "mrs.", "ms.", "mx.", "dr.", "prof.", "st.", "mt.", "ft.", "capt.", "col.", "gen.", "lt.", "sgt.", "rev.", "hon.",
		"vs.", "e.g.", "i.e.", "approx.", "ext.", "fig.", "vol.", "tel.",
		"jan.", "feb.", "mar.", "apr.", "jun.", "jul.", "aug.", "sep.", "sept.", "oct.", "nov.", "dec.",
		"mon.", "tue.", "wed.", "thu.", "fri.", "sat.",
	}
	// closers are abbreviations that may be the last word of a sentence.
	closers = []string{
		"a.m.", "p.m.", "etc.", "inc.", "ltd.", "co.", "corp.", "jr.", "sr.", "u.s.", "u.k.", "ave.", "blvd.", "rd.", "apt.", "dept.", "est.", "min.", "max.",
	}
)
