package spoken

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Reader makes the sentences of one reply speakable. It remembers code and
// JSON that go on from one sentence to the next. Each reply needs its own.
type Reader struct {
	english  bool
	dayFirst bool // 3/4/2026 is in April
	markup   markup
}

// New makes a Reader for a language, a BCP 47 tag such as "en-US". An empty one
// is American English.
func New(language string) *Reader {
	tag := strings.ToLower(language)
	base, _, _ := strings.Cut(tag, "-")
	english := base == "" || base == "en"

	return &Reader{english: english, dayFirst: english && strings.Contains(tag, "-") && tag != "en-us" && tag != "en-ph"}
}

// One makes a single text speakable, such as a fixed line.
func One(language, text string) Text { return New(language).Read(text) }

// Read gives the forms of the next sentence. It has nothing to say when the
// sentence is code, JSON or signs alone.
func (r *Reader) Read(sentence string) Text {
	clean := r.markup.strip(sentence)
	if clean == "" {
		return Text{}
	}
	if !r.english {
		return plain(clean)
	}
	s := scanner{text: clean, dayFirst: r.dayFirst, shouted: shouted(clean)}

	return Text{units: s.run()}
}

// plain is a text whose two forms are the same.
func plain(text string) Text {
	var t Text
	for _, w := range strings.Fields(text) {
		if strings.ContainsFunc(w, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) {
			t.units = append(t.units, unit{written: w, spoken: w})
		}
	}

	return t
}

// shouted reports whether a text is in capitals throughout, so that they mark
// no acronyms.
func shouted(text string) bool {
	lower, upper, words := 0, 0, 0
	for w := range strings.FieldsSeq(text) {
		if len(w) > 1 && strings.ToUpper(w) == w && strings.ContainsFunc(w, unicode.IsLetter) {
			words++
		}
		for _, r := range w {
			switch {
			case unicode.IsLower(r):
				lower++
			case unicode.IsUpper(r):
				upper++
			}
		}
	}

	return words >= 3 && upper > 4*lower
}

// scanner turns a clean sentence into units, from left to right.
type scanner struct {
	text     string
	dayFirst bool
	shouted  bool
	at       int
	units    []unit
	before   []string // the words before, lower-case, without punctuation
	previous string   // the word before as written
}

func (s *scanner) run() []unit {
	for s.at < len(s.text) {
		if s.text[s.at] == ' ' {
			s.at++

			continue
		}
		s.next()
	}

	return s.units
}

// next takes one unit: the opening marks, what a rule or a word covers, the
// closing marks, and the space after.
func (s *scanner) next() {
	start := s.at
	opened := s.open()
	core, said, brief := s.match()
	if core == 0 {
		core = s.word()
		said, brief = s.say(s.text[s.at : s.at+core])
	}
	end := s.at + core
	bare := s.text[s.at:end]
	s.at = end
	mark := s.close()
	if bare == "-" {
		mark = ","
	}
	if brief && mark == "" && s.atEnd() && strings.HasSuffix(bare, ".") {
		mark = "."
	}
	s.emit(strings.TrimSpace(s.text[start:s.at]), said, mark, opened)
	if f := strings.Fields(bare); len(f) > 0 {
		s.previous = f[len(f)-1]
		for _, w := range f {
			s.before = append(s.before, strings.ToLower(strings.Trim(w, ".,:;#")))
		}
	}
}

// emit adds a unit. What says nothing goes with the unit before it.
func (s *scanner) emit(written, said, mark string, opened bool) {
	said = sayable(said)
	if said == "" {
		if n := len(s.units); n > 0 && mark != "" && letterLast(s.units[n-1].spoken) {
			s.units[n-1].spoken += mark
		}

		return
	}
	if n := len(s.units); opened && n > 0 && letterLast(s.units[n-1].spoken) {
		s.units[n-1].spoken += ","
	}
	s.units = append(s.units, unit{written: written, spoken: said + mark})
}

// open skips opening marks, and reports whether a bracket was among them.
func (s *scanner) open() (bracket bool) {
	for s.at < len(s.text) {
		r, n := utf8.DecodeRuneInString(s.text[s.at:])
		if !strings.ContainsRune("\"'“‘”’([{¿¡«", r) || r == '\'' && shortDecade.MatchString(s.text[s.at:]) || r == '(' && telephone.MatchString(s.text[s.at:]) {
			break
		}
		bracket = bracket || r == '(' || r == '['
		s.at += n
	}

	return bracket
}

// shortDecade is a decade without its century.
var shortDecade = regexp.MustCompile(`^'\d0s`)

// closing are the marks after a word.
const closing = "\"'”’)]}»,.;:!?…—–"

// close skips the marks after a word and gives the one that is spoken.
func (s *scanner) close() string {
	mark := ""
	for s.at < len(s.text) {
		r, n := utf8.DecodeRuneInString(s.text[s.at:])
		if !strings.ContainsRune(closing, r) {
			break
		}
		m := ""
		switch r {
		case '.', '…':
			m = "."
		case ',', '—', '–':
			m = ","
		case ')', ']':
			if !s.endsAfter(n) {
				m = ","
			}
		case ';', ':', '!', '?':
			m = string(r)
		}
		if mark == "" || mark == "," && m != "" || m == "?" {
			mark = m
		}
		s.at += n
	}

	return mark
}

// endsAfter reports whether nothing but marks comes n bytes from here.
func (s *scanner) endsAfter(n int) bool {
	return strings.Trim(s.text[s.at+n:], closing+" ") == ""
}

func (s *scanner) atEnd() bool { return strings.TrimSpace(s.text[s.at:]) == "" }

// word is the length of the word here without its closing marks.
func (s *scanner) word() int {
	rest := s.text[s.at:]
	n := wordLen(rest)
	if i := strings.Index(rest[:n], "—"); i > 0 {
		n = i
	}
	w := rest[:n]
	if abbreviated(w) {
		return n
	}
	if w == "-" {
		return n
	}
	if t := strings.TrimRight(w, closing); t != "" {
		if abbreviated(t+".") && strings.HasPrefix(w[len(t):], ".") {
			return len(t) + 1
		}

		return len(t)
	}

	return 0 // marks alone
}

// following is the word after the next n bytes.
func (s *scanner) following(n int) string {
	rest := strings.TrimLeft(s.text[min(len(s.text), s.at+n):], " ")

	return rest[:wordLen(rest)]
}

// last is the word before, lower-case; empty at the beginning.
func (s *scanner) last() string { return s.ago(1) }

// ago is the nth word before.
func (s *scanner) ago(n int) string {
	if len(s.before) < n {
		return ""
	}

	return s.before[len(s.before)-n]
}

func letterLast(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)

	return unicode.IsLetter(r) || unicode.IsMark(r)
}

// sayable leaves in s what a voice reads: letters and their marks, and between
// them single spaces, apostrophes, hyphens, commas and the marks of sentences.
// A digit that is still there is named.
func sayable(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsLetter(r), unicode.IsMark(r) && b.Len() > 0, r == '\'', r == '-', r == ',', r == '.':
			b.WriteRune(r)
		case r == '’':
			b.WriteByte('\'')
		case r >= '0' && r <= '9':
			b.WriteString(" " + ones[r-'0'] + " ")
		default:
			b.WriteByte(' ')
		}
	}
	words := strings.Fields(b.String())
	kept := words[:0]
	for _, w := range words {
		w = strings.Trim(w, "-")
		if strings.ContainsFunc(w, unicode.IsLetter) {
			kept = append(kept, w)
		} else if n := len(kept); n > 0 && strings.HasPrefix(w, ",") && letterLast(kept[n-1]) {
			kept[n-1] += ","
		}
	}

	return strings.TrimRight(strings.Join(kept, " "), ",. ")
}
