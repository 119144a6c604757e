package redact

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"trunkline/compliance/language"
	"trunkline/privacy/luhn"
)

// What stands for what was taken out.
const (
	CardMark = "[card number]"
	CodeMark = "[security code]"
)

const (
	leastDigits = 13 // of a card number (ISO/IEC 7812-1)
	mostDigits  = 19
	nearWords   = 8 // between the name of a security code and the code, either way
	wholeDigits = 9 // of a number that is said at once; parts of a card's have eight at most
	mostFillers = 3 // words between two digits of one number
)

//go:embed words/*.yaml
var files embed.FS

// vocabulary says what words mean, of all languages together.
type vocabulary struct {
	digits map[string]int      // how many digits a word of a number stands for
	tens   map[string]struct{} // of those, the ones that a following digit joins: "forty one"
	filler map[string]struct{} // may stand between digits of one number
	code   map[string]struct{} // a word that names a security code, or begins such a name
	names  [][]string          // the whole names
}

var words, loadErr = load()

// Check says whether the lists of words could be read.
func Check() error { return loadErr }

// list is one language's file.
type list struct {
	One     []string `yaml:"one_digit"`
	Two     []string `yaml:"two_digits"`
	Tens    []string `yaml:"tens"`
	Repeats []string `yaml:"repeats"`
	Fillers []string `yaml:"fillers"`
	Codes   []string `yaml:"security_codes"`
}

func load() (vocabulary, error) {
	v := vocabulary{digits: map[string]int{}, tens: map[string]struct{}{}, filler: map[string]struct{}{}, code: map[string]struct{}{}}
	all, err := language.Load[list](files, "words")
	if err != nil {
		return v, fmt.Errorf("redact: %w", err)
	}
	for _, f := range all {
		for n, names := range [][]string{f.One, f.Two, f.Tens, f.Repeats} {
			for _, w := range names {
				v.digits[w] = min(n+1, 2)
			}
		}
		for _, w := range f.Repeats { // "double four": the four counts itself
			v.digits[w] = 1
		}
		for _, w := range f.Tens {
			v.tens[w] = struct{}{}
		}
		for _, w := range f.Fillers {
			v.filler[w] = struct{}{}
		}
		for _, name := range f.Codes {
			parts := strings.Fields(name)
			v.names = append(v.names, parts)
			for _, w := range parts {
				v.code[w] = struct{}{}
			}
		}
	}

	return v, nil
}

// piece is a word, a group of digits, or what stands between such.
type piece struct {
	from, to int
	kind     kind
	text     string // of a word: in lower case; of digits: the digits
}

type kind uint8

const (
	between kind = iota
	word
	digits
)

// split cuts a text into pieces that touch each other.
func split(text string) []piece {
	var all []piece
	for at := 0; at < len(text); {
		k := kindAt(text, at)
		end := at
		for end < len(text) && kindAt(text, end) == k {
			_, size := utf8.DecodeRuneInString(text[end:])
			end += size
		}
		p := piece{from: at, to: end, kind: k, text: text[at:end]}
		switch k {
		case word:
			p.text = strings.ToLower(p.text)
		case digits:
			p.text = ascii(p.text)
		case between:
		}
		all = append(all, p)
		at = end
	}

	return all
}

func kindAt(text string, at int) kind {
	r, _ := utf8.DecodeRuneInString(text[at:])
	switch {
	case unicode.IsDigit(r):
		return digits
	case unicode.IsLetter(r), unicode.Is(unicode.Mn, r):
		return word
	default:
		return between
	}
}

// ascii writes decimal digits of any script as 0 to 9.
func ascii(text string) string {
	var b strings.Builder
	for _, r := range text {
		zero := r
		for unicode.IsDigit(zero-1) && r-zero < 9 {
			zero--
		}
		if r >= '0' && r <= '9' {
			zero = '0'
		}
		b.WriteByte(byte('0' + (r-zero)%10))
	}

	return b.String()
}

// run is digits that follow each other with nothing but signs and fillers
// between: pieces from first to last.
type run struct {
	pieces []int // of digits, written or spoken
	count  int   // digits
	spoken bool
}

// runs finds the runs of a text's pieces.
func runs(pieces []piece) []run {
	var all []run
	var now run
	fillers := 0
	flush := func() {
		if len(now.pieces) > 0 {
			all = append(all, now)
		}
		now, fillers = run{}, 0
	}
	for i, p := range pieces {
		n, isNumber := words.digits[p.text]
		_, isFiller := words.filler[p.text]
		switch {
		case p.kind == between:
		case p.kind == digits:
			now.pieces, now.count, fillers = append(now.pieces, i), now.count+len(p.text), 0
		case isNumber:
			if len(now.pieces) > 0 && n == 1 && isTens(pieces[now.pieces[len(now.pieces)-1]]) {
				n = 0 // "forty one" has two digits
			}
			now.pieces, now.count, now.spoken, fillers = append(now.pieces, i), now.count+n, true, 0
		case isFiller && len(now.pieces) > 0 && fillers < mostFillers:
			fillers++
		default:
			flush()
		}
	}
	flush()

	return all
}

func isTens(p piece) bool {
	_, ok := words.tens[p.text]

	return ok
}

// span is a part of a text and what replaces it.
type span struct {
	from, to int // bytes
	mark     string
}

// cards finds the card numbers of a text.
func cards(pieces []piece) []span {
	var all []span
	for _, r := range runs(pieces) {
		if first, last, ok := card(pieces, r); ok {
			all = append(all, span{pieces[first].from, pieces[last].to, CardMark})
		}
	}

	return all
}

// codes finds the security codes of a text.
func codes(pieces []piece) []span {
	const least, most = 3, 4
	var all []span
	for _, r := range runs(pieces) {
		first, last := r.pieces[0], r.pieces[len(r.pieces)-1]
		if r.count >= least && r.count <= most && nearName(pieces, first, last) {
			all = append(all, span{pieces[first].from, pieces[last].to, CodeMark})
		}
	}

	return all
}

// Digits is the length of the longest run of digits in a text, written or
// spoken.
func Digits(text string) int {
	most := 0
	for _, r := range runs(split(text)) {
		most = max(most, r.count)
	}

	return most
}

// Text takes card numbers and security codes out of a text, and says how many.
func Text(text string) (string, int) {
	pieces := split(text)
	spans := append(cards(pieces), codes(pieces)...)

	return replace(text, spans), len(spans)
}

// replace puts the marks into a text. Spans may reach beyond its ends.
func replace(text string, spans []span) string {
	if len(spans) == 0 {
		return text
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var out strings.Builder
	at := 0
	for _, s := range spans {
		from, to := max(s.from, at), min(s.to, len(text))
		if from >= to {
			continue
		}
		out.WriteString(text[at:from])
		out.WriteString(s.mark)
		at = to
	}
	out.WriteString(text[at:])

	return out.String()
}

// Turn is what one speaker said without another one between.
type Turn struct {
	Speaker string
	Text    string
}

// Conversation takes out what Text does, and beside it the card numbers that
// one speaker says over several turns, and the codes whose name another one
// says. It returns the texts in order, and how many numbers it found.
func Conversation(turns []Turn) ([]string, int) {
	out := make([]string, len(turns))
	spans := make(map[int][]span) // by turn
	found := 0
	note := func(of []int, joined string, find func([]piece) []span) {
		for _, s := range find(split(joined)) {
			found++
			at := 0
			for _, i := range of {
				if end := at + len(turns[i].Text); s.from < end && s.to > at {
					spans[i] = append(spans[i], span{s.from - at, s.to - at, s.mark})
				}
				at += len(turns[i].Text) + len(turnEnd)
			}
		}
	}
	speakers := make(map[string][]int) // their turns that may be parts of one number
	var everybody []int
	flush := func(of []int) { note(of, join(turns, of), cards) }
	for i, t := range turns {
		everybody = append(everybody, i)
		if !Whole(t.Text) {
			speakers[t.Speaker] = append(speakers[t.Speaker], i)

			continue
		}
		flush(speakers[t.Speaker])
		flush([]int{i})
		speakers[t.Speaker] = nil
	}
	for _, of := range speakers {
		flush(of)
	}
	note(everybody, join(turns, everybody), codes)
	for i, t := range turns {
		out[i] = replace(t.Text, spans[i])
	}

	return out, found
}

// Whole says whether a turn has a number that is one by itself and no part of a
// card's, such as a telephone number: what is said in the next turn does not go
// on with it.
func Whole(text string) bool {
	n := Digits(text)

	return n >= wholeDigits && n < leastDigits
}

// turnEnd stands between turns where they are read as one.
const turnEnd = "\n"

func join(turns []Turn, of []int) string {
	texts := make([]string, 0, len(of))
	for _, i := range of {
		texts = append(texts, turns[i].Text)
	}

	return strings.Join(texts, turnEnd)
}

// card is the part of a run that is a card number: all of a spoken one that is
// long enough, and of a written one the groups that hold 13 to 19 digits that
// are right by Luhn's rule.
func card(pieces []piece, r run) (first, last int, ok bool) {
	if r.count < leastDigits {
		return 0, 0, false
	}
	if r.spoken {
		return r.pieces[0], r.pieces[len(r.pieces)-1], true
	}
	var all []byte
	var owner []int // the piece of each digit
	for _, i := range r.pieces {
		for k := range len(pieces[i].text) {
			all, owner = append(all, pieces[i].text[k]), append(owner, i)
		}
	}
	first = -1
	for from := range all {
		for to := from + leastDigits; to <= min(from+mostDigits, len(all)); to++ {
			if checked(all[from:to]) {
				if first < 0 {
					first = owner[from]
				}
				last = max(last, owner[to-1])
			}
		}
	}

	return first, last, first >= 0
}

// checked says whether the last digit is the check digit of those before it. A
// number of one digit over and over is none.
func checked(number []byte) bool {
	return luhn.Valid(number) && !bytes.Equal(number[1:], number[:len(number)-1])
}

// nearName says whether the name of a security code stands near the pieces
// from first to last.
func nearName(pieces []piece, first, last int) bool {
	before, after := neighbours(pieces, first, -1), neighbours(pieces, last, 1)
	slices.Reverse(before)
	for _, name := range words.names {
		if contains(before, name) || contains(after, name) {
			return true
		}
	}

	return false
}

// neighbours are the nearest words on one side.
func neighbours(pieces []piece, from, step int) []string {
	var all []string
	for i := from + step; i >= 0 && i < len(pieces) && len(all) < nearWords; i += step {
		if pieces[i].kind == word {
			all = append(all, pieces[i].text)
		}
	}

	return all
}

// contains says whether the words hold the name's words in a row.
func contains(all, name []string) bool {
	for i := 0; i+len(name) <= len(all); i++ {
		if slices.Equal(all[i:i+len(name)], name) {
			return true
		}
	}

	return false
}
