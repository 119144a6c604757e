package script

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"trunkline/pipeline"
)

// value is what a slot was filled with.
type value struct {
	text     string // as the agent says it
	from, to int    // the words that it came from
	refused  bool   // understood, but not allowed
}

// manner says how freely words may be taken for a value.
type manner int

const (
	volunteered manner = iota // nobody asked: only what can hardly mean anything else
	answering                 // the agent just asked for it
)

// find looks for the slot's value in words.
func (s *slotPlan) find(words []string, how manner) (value, bool) {
	switch s.kind {
	case kindDay:
		return s.findDay(words)
	case kindTime:
		return s.findTime(words, how)
	case kindNumber:
		return s.findNumber(words, how)
	case kindDigits:
		return s.findDigits(words, how)
	case kindName:
		return findName(words, how)
	default:
		return s.findChoice(words)
	}
}

var weekdays = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

var relativeDays = []string{"today", "tomorrow"}

// slotPlan is a slot made ready for use.
type slotPlan struct {
	name     string
	key      string // the word that stands for the slot in phrases: "{day}"
	kind     kind
	options  []option        // kinds day and choice
	allowed  map[string]bool // kind day; nil allows all
	from, to clockTime
	min, max int
	examples []string
	collect  *pipeline.Act // kind digits: how pressed ones are taken
	ask      []template
	refuse   template
}

// option is one value of a slot and one way to say it.
type option struct {
	value string
	words []word
}

// findDay looks for a day of the week. The last one wins: in "not Tuesday,
// Wednesday" it is the correction.
func (s *slotPlan) findDay(words []string) (value, bool) {
	v, ok := s.findChoice(words)
	if !ok {
		return value{}, false
	}
	day := strings.ToLower(v.text)
	v.refused = s.allowed != nil && !s.allowed[day]
	return v, true
}

// leastChoice is how much a value must be like what was said, and more.
const leastChoice = 0.78

// findChoice looks for the option that is most like what was said.
func (s *slotPlan) findChoice(words []string) (value, bool) {
	heard := newWords(words)
	best, score := value{}, leastChoice
	for _, o := range s.options {
		for from := range heard {
			for _, span := range []int{len(o.words), len(o.words) + 1} {
				to := from + span
				if to > len(heard) {
					continue
				}
				got := likeness(o.words, heard[from:to])
				if got > score || got == score && best.to > 0 && from >= best.to {
					best, score = value{text: o.value, from: from, to: to}, got
				}
			}
		}
	}
	return best, best.to > 0
}

// likeness compares an option with as many words, or with one more that the
// recogniser made by splitting a word.
func likeness(option, heard []word) float64 {
	if len(option) != len(heard) {
		return 0.99 * similarity(joined(option), joined(heard))
	}
	sum := 0.0
	for i := range option {
		sim := similarity(&option[i], &heard[i])
		if sim < alike {
			return 0
		}
		sum += sim
	}
	return sum / float64(len(option))
}

func joined(words []word) *word {
	var b strings.Builder
	for _, w := range words {
		b.WriteString(w.text)
	}
	j := newWord(b.String())
	return &j
}

func (s *slotPlan) findTime(words []string, how manner) (value, bool) {
	t, ok := findTime(words)
	if !ok || how == volunteered && !t.deliberate {
		return value{}, false
	}
	at := t.resolve(s.from, s.to)
	return value{text: at.say(), from: t.from, to: t.to, refused: at < s.from || at > s.to}, true
}

func (s *slotPlan) findNumber(words []string, how manner) (value, bool) {
	if how == volunteered {
		return value{}, false
	}
	for i := range words {
		if n, took := cardinal(words[i:]); took > 0 {
			refused := n < s.min || s.max > 0 && n > s.max
			return value{text: sayNumber(n), from: i, to: i + took, refused: refused}, true
		}
	}
	return value{}, false
}

// maxDigits bounds a run of digits, whatever the script allows.
const maxDigits = 32

func (s *slotPlan) findDigits(words []string, how manner) (value, bool) {
	best, most := value{}, 0
	for i := 0; i < len(words); i++ {
		digits, took := spokenDigits(words[i:])
		if len(digits) > most && len(digits) <= maxDigits {
			refused := len(digits) < s.min || s.max > 0 && len(digits) > s.max
			best, most = value{text: sayDigits(digits), from: i, to: i + took, refused: refused}, len(digits)
		}
		i += took
	}
	if most == 0 || how == volunteered && (most < 4 || best.refused) {
		return value{}, false
	}
	return best, true
}

// maxName is how many words of a name are kept.
const maxName = 3

// introductions come before a name.
var introductions = [][]string{
	{"my", "name", "is"},
	{"the", "name", "is"},
	{"my", "names"},
	{"name", "is"},
	{"call", "me"},
	{"this", "is"},
	{"i", "am"},
	{"it", "is"},
	{"that", "is"},
}

// notNames are words that nobody is called.
var notNames = map[string]bool{
	"a": true, "an": true, "the": true, "yes": true, "no": true, "not": true, "ok": true, "sure": true, "you": true, "thank": true,
	"what": true, "when": true, "where": true, "why": true, "how": true, "i": true, "my": true, "your": true, "is": true,
	"are": true, "do": true, "to": true, "for": true, "at": true, "on": true, "in": true, "it": true, "that": true, "this": true,
	"and": true, "here": true, "speaking": true, "can": true, "would": true, "want": true, "of": true, "hello": true, "hi": true,
}

// findName takes what follows "my name is"; when the agent asked for a name,
// also a few words that are no sentence.
func findName(words []string, how manner) (value, bool) {
	from := -1
	for n, intro := range introductions {
		if how == volunteered && n > 4 {
			break
		}
		for i := 0; i+len(intro) <= len(words) && from < 0; i++ {
			if slices.Equal(words[i:i+len(intro)], intro) {
				from = i + len(intro)
			}
		}
		if from >= 0 {
			break
		}
	}
	introduced := from >= 0
	if !introduced {
		if how == volunteered {
			return value{}, false
		}
		from = 0
	}
	for from < len(words) && (notNames[words[from]] || fillers[words[from]]) {
		from++
	}
	to := from
	for to < len(words) && to-from < maxName && !notNames[words[to]] && !fillers[words[to]] && isName(words[to]) {
		to++
	}
	rest := words[to:]
	leftOver := len(meaningful(rest))
	if to == from || !introduced && leftOver > 1 {
		return value{}, false
	}
	parts := make([]string, 0, maxName)
	for _, w := range words[from:to] {
		parts = append(parts, capital(w))
	}
	return value{text: strings.Join(parts, " "), from: from, to: to}, true
}

func isName(w string) bool {
	return !strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' })
}

func capital(w string) string {
	r, n := utf8.DecodeRuneInString(w)
	if r == utf8.RuneError {
		return w
	}
	return string(unicode.ToUpper(r)) + w[n:]
}

// samples are values of the slot as callers say them, for the recogniser.
func (s *slotPlan) samples() []string {
	switch s.kind {
	case kindName:
		return s.examples
	case kindTime:
		return s.sampleTimes()
	case kindNumber:
		return s.sampleNumbers()
	case kindDigits:
		return sampleDigits
	default:
		var out []string
		for _, o := range s.options {
			texts := make([]string, len(o.words))
			for i, w := range o.words {
				texts[i] = w.text
			}
			out = append(out, strings.Join(texts, " "))
		}
		return out
	}
}

// sampleTimes are the quarter hours that the slot allows, as callers say them.
func (s *slotPlan) sampleTimes() []string {
	var out []string
	seen := make(map[string]bool)
	add := func(say string) {
		if !seen[say] {
			seen[say] = true
			out = append(out, say)
		}
	}
	for t := s.from; t <= s.to; t += 15 {
		h, m := sayNumber((int(t)/60+11)%12+1), int(t)%60
		next := sayNumber((int(t)/60)%12 + 1)
		_, part, _ := strings.Cut(t.say(), " in the ")
		switch m {
		case 0:
			add(h)
			add(h + " o'clock")
		case 15:
			add("quarter past " + h)
			add(h + " fifteen")
		case 30:
			add("half past " + h)
			add(h + " thirty")
		default:
			add("quarter to " + next)
			add(h + " forty five")
		}
		if part != "" && m%30 == 0 {
			add(strings.TrimSuffix(t.say(), " in the "+part) + " in the " + part)
		}
	}
	return out
}

func (s *slotPlan) sampleNumbers() []string {
	var out []string
	last := s.max
	if last == 0 || last > s.min+99 {
		last = s.min + 99
	}
	for n := s.min; n <= last; n++ {
		out = append(out, sayNumber(n))
	}
	return out
}

//nolint:dupword // digits repeat
var sampleDigits = []string{
	"zero one two three four five six seven eight nine", "nine eight seven six five four three two one zero",
	"five five five oh one two three", "double two four six eight oh", "three one four one five nine two six",
	"two seven one eight two eight one eight", "one six one eight oh three three nine", "oh seven seven double nine six",
}

// answers are ways to give the slot's value when asked for it.
func (s *slotPlan) answers() []string {
	switch s.kind {
	case kindDay:
		return []string{s.key, "on " + s.key, s.key + " please", "no " + s.key}
	case kindTime:
		return []string{s.key, "at " + s.key, s.key + " please", "no at " + s.key}
	case kindName:
		return []string{s.key, "my name is " + s.key, "this is " + s.key, "it is " + s.key}
	case kindDigits:
		return []string{s.key, "it is " + s.key, "my number is " + s.key}
	default:
		return []string{s.key, s.key + " please", "no " + s.key}
	}
}
