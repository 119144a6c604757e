package redact

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strconv"
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
	value  map[string]byte     // of those of one digit: which one
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
	One     map[string][]string `yaml:"one_digit"` // by the digit
	Two     []string            `yaml:"two_digits"`
	Tens    []string            `yaml:"tens"`
	Repeats []string            `yaml:"repeats"`
	Fillers []string            `yaml:"fillers"`
	Codes   []string            `yaml:"security_codes"`
}

func load() (vocabulary, error) {
	v := vocabulary{digits: map[string]int{}, value: map[string]byte{}, tens: map[string]struct{}{}, filler: map[string]struct{}{}, code: map[string]struct{}{}}
	all, err := language.Load[list](files, "words")
	if err != nil {
		return v, fmt.Errorf("redact: %w", err)
	}
	for _, f := range all {
		for digit, names := range f.One {
			for _, w := range names {
				v.digits[w], v.value[w] = 1, digit[0]
			}
		}
		for _, w := range slices.Concat(f.Two, f.Tens) {
			v.digits[w] = 2
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

// thread follows the digits of one number through pieces.
type thread struct {
	open    bool // the next digit belongs to those before
	fillers int  // words since the last digit
}

// take tells of the next piece whether it is a digit, and whether it ends the
// number before it.
func (t *thread) take(p piece) (digit, ends bool) {
	_, isNumber := words.digits[p.text]
	_, isFiller := words.filler[p.text]
	switch {
	case p.kind == between:
		return false, false
	case p.kind == digits, isNumber:
		t.open, t.fillers = true, 0

		return true, false
	case isFiller && t.open && t.fillers < mostFillers:
		t.fillers++

		return false, false
	default:
		t.open, t.fillers = false, 0

		return false, true
	}
}

// runs finds the runs of a text's pieces.
func runs(pieces []piece) []run {
	var all []run
	var now []int
	var t thread
	flush := func() {
		if len(now) > 0 {
			all = append(all, count(pieces, now))
		}
		now = nil
	}
	for i, p := range pieces {
		switch digit, ends := t.take(p); {
		case digit:
			now = append(now, i)
		case ends:
			flush()
		}
	}
	flush()

	return all
}

// count is some pieces of digits as a run.
func count(pieces []piece, of []int) run {
	r := run{pieces: of}
	for k, i := range of {
		n, spoken := words.digits[pieces[i].text]
		switch {
		case !spoken:
			n = len(pieces[i].text)
		case k > 0 && n == 1 && isTens(pieces[of[k-1]]):
			n = 0 // "forty one" has two digits
		}
		r.count, r.spoken = r.count+n, r.spoken || spoken
	}

	return r
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
	note := func(of []int, find func(pieces []piece, ends []int) []span) {
		joined, ends := join(turns, of)
		for _, s := range find(split(joined), ends) {
			found++
			at := 0
			for k, i := range of {
				if s.from < ends[k] && s.to > at {
					spans[i] = append(spans[i], span{s.from - at, s.to - at, s.mark})
				}
				at = ends[k] + len(turnEnd)
			}
		}
	}
	for _, of := range speakers(turns) {
		note(of, across)
	}
	everybody := make([]int, len(turns))
	for i := range turns {
		everybody[i] = i
	}
	note(everybody, func(pieces []piece, _ []int) []span { return codes(pieces) })
	for i, t := range turns {
		out[i] = replace(t.Text, spans[i])
	}

	return out, found
}

// speakers are the turns of each speaker, in the order of their first ones.
func speakers(turns []Turn) (all [][]int) {
	at := make(map[string]int)
	for i, t := range turns {
		k, known := at[t.Speaker]
		if !known {
			k = len(all)
			at[t.Speaker], all = k, append(all, nil)
		}
		all[k] = append(all[k], i)
	}

	return all
}

// turnEnd stands between turns where they are read as one.
const turnEnd = "\n"

// join reads turns as one text, and tells where each ends in it.
func join(turns []Turn, of []int) (joined string, ends []int) {
	texts := make([]string, 0, len(of))
	at := 0
	for _, i := range of {
		texts = append(texts, turns[i].Text)
		at += len(turns[i].Text)
		ends = append(ends, at)
		at += len(turnEnd)
	}

	return strings.Join(texts, turnEnd), ends
}

// Open says how many digits some turns of one speaker end with: what is said
// next may go on with that number.
func Open(turns []string) int {
	pieces := split(strings.Join(turns, turnEnd))
	all := runs(pieces)
	if len(all) == 0 {
		return 0
	}
	last := all[len(all)-1]
	if runs(append(slices.Clone(pieces), piece{kind: digits, text: "0"}))[len(all)-1].count == last.count {
		return 0 // something else was said after it
	}

	return last.count
}

// Numbers takes all numbers out of a text that has a part of a card's.
func Numbers(text string) string {
	pieces := split(text)
	var all []span
	for _, r := range runs(pieces) {
		all = append(all, span{pieces[r.pieces[0]].from, pieces[r.pieces[len(r.pieces)-1]].to, CardMark})
	}

	return replace(text, all)
}

// across finds the card numbers of a speaker's turns, which end at ends. A turn
// with nine to twelve digits has a number that is one by itself, such as a
// telephone number: it is part of a card's only if the whole begins and is as
// long as such a number, and its check digit is right.
func across(pieces []piece, ends []int) (all []span) {
	mark := func(first, last int) { all = append(all, span{pieces[first].from, pieces[last].to, CardMark}) }
	for _, r := range runs(pieces) {
		parts := portions(pieces, r, ends)
		for len(parts) > 0 {
			if n := issuedFrom(pieces, parts); n > 0 {
				mark(parts[0].pieces[0], parts[n-1].pieces[len(parts[n-1].pieces)-1])
				parts = parts[n:]

				continue
			}
			n := stretch(pieces, parts)
			if first, last, ok := card(pieces, together(parts[:n])); ok {
				mark(first, last)
			}
			parts = parts[n:]
		}
	}

	return all
}

// portions cuts a run where turns end.
func portions(pieces []piece, r run, ends []int) (all []run) {
	k := -1
	for i, at := range r.pieces {
		end := slices.IndexFunc(ends, func(e int) bool { return pieces[at].from < e })
		if i == 0 || end != k {
			all, k = append(all, run{}), end
		}
		p := &all[len(all)-1]
		p.pieces = append(p.pieces, at)
	}
	for i := range all {
		all[i] = count(pieces, all[i].pieces)
	}

	return all
}

// together is portions as one run.
func together(parts []run) run {
	var r run
	for _, p := range parts {
		r.pieces, r.count, r.spoken = append(r.pieces, p.pieces...), r.count+p.count, r.spoken || p.spoken
	}

	return r
}

// whole says whether a portion is a number by itself.
func (r *run) whole() bool { return r.count >= wholeDigits && r.count < leastDigits }

// stretch is how many of the portions belong together: those up to a whole one,
// or up to where a card's number begins that has a whole one in it.
func stretch(pieces []piece, parts []run) int {
	for n := range parts {
		if parts[n].whole() {
			return max(n, 1)
		}
		if n > 0 && issuedFrom(pieces, parts[n:]) > 0 {
			return n
		}
	}

	return len(parts)
}

// issuedFrom is how many portions at most, a whole one among them, make a card's
// number; 0: they make none.
func issuedFrom(pieces []piece, parts []run) (most int) {
	whole := false
	for n := range parts {
		whole = whole || parts[n].whole()
		r := together(parts[:n+1])
		if r.count > mostDigits {
			break
		}
		if n == 0 || !whole {
			continue
		}
		number, known := written(pieces, r)
		if !known && (r.count == 15 || r.count == 16) || known && issued(number) && checked(number) {
			most = n + 1
		}
	}

	return most
}

// written is a run's digits; not known where words of several digits are in it.
func written(pieces []piece, r run) (number []byte, known bool) {
	for _, i := range r.pieces {
		p := &pieces[i]
		v, ok := words.value[p.text]
		switch {
		case p.kind == digits:
			number = append(number, p.text...)
		case !ok:
			return nil, false
		default:
			number = append(number, v)
		}
	}

	return number, true
}

// issued says whether a number begins and is as long as those of the issuers of
// cards (ISO/IEC 7812: the first digits name the issuer).
func issued(number []byte) bool {
	n := len(number)
	first, err := strconv.Atoi(string(number[:4]))
	if err != nil {
		return false
	}
	switch two := first / 100; {
	case first/1000 == 4:
		return n == 13 || n == 16 || n == 19
	case two >= 51 && two <= 55, first >= 2221 && first <= 2720:
		return n == 16
	case two == 34, two == 37:
		return n == 15
	case two == 36, two == 38, two == 39, first/10 >= 300 && first/10 <= 305:
		return n >= 14
	case first >= 3528 && first <= 3589:
		return n >= 16
	case two == 50, two >= 56 && two <= 69:
		return n >= 13
	default:
		return false
	}
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
