package endpoint

import (
	"fmt"
	"strings"
	"time"
)

// Feature is one thing that tells a whole turn from one that goes on.
type Feature uint8

// The features. Those of words are 0 or 1.
const (
	Bias Feature = iota
	OneWord
	TwoWords
	FewWords // three or four

	Conjunction // the last word is one
	Preposition
	Determiner
	Auxiliary
	Subject
	Verb
	Adverb
	Stranded // the last word mostly asks for more, but ends a question here
	Filled   // the last words are a filler

	Clause       // begins with "if" or the like, and nothing follows the clause yet
	BareQuestion // a question word and hardly more
	WholeQuestion
	WholeAnswer // such as "that's all"
	AnswersYesNo

	NumberOpen    // digits are missing
	NumberWhole   // all are there
	NumberRun     // digits, nobody knows how many will come
	NumberShort   // hardly any digits yet, of so many
	NumberLong    // as many of them as a telephone number has
	SpellingOpen  // letters
	SpellingShort // hardly any letters yet
	SpellingBegun // letters of a word before them, of which more are missing
	SpellingWhole // letters that spell a word before them
	EmailOpen     // an address without its end
	EmailWhole
	DateOpen  // a month without its day, a day without its time
	DateWhole // both
	NameFirst // a name of one word
	NameWhole
	Unanswered // digits, an address or letters were asked for, and none has come

	Trailing // "..."
	Comma
	Period // . ? or ! by a recogniser that punctuates

	Falling  // semitones that the pitch fell at the end
	Lowered  // semitones of the end below the caller's median
	Faded    // dB of the end below the talkspurt
	Drawn    // seconds of the last stretch of pitch
	Features // their number
)

// featureNames are those of the table of weights.
var featureNames = [Features]string{
	"bias", "one_word", "two_words", "few_words",
	"conjunction", "preposition", "determiner", "auxiliary", "subject", "verb", "adverb", "stranded", "filled",
	"clause", "bare_question", "whole_question", "whole_answer", "answers_yes_no",
	"number_open", "number_whole", "number_run", "number_short", "number_long", "spelling_open", "spelling_short", "spelling_begun", "spelling_whole", "email_open", "email_whole",
	"date_open", "date_whole", "name_first", "name_whole", "unanswered",
	"trailing", "comma", "period",
	"falling", "lowered", "faded", "drawn",
}

// String is the feature's name in the table of weights.
func (f Feature) String() string {
	if f >= Features {
		return fmt.Sprintf("feature %d", f)
	}

	return featureNames[f]
}

// Vector holds the value of each feature.
type Vector [Features]float64

// Prosody is how the caller's voice ended. The zero value is an ending of
// which nothing is known.
type Prosody struct {
	Fall  float64       `json:"fall_st,omitempty"`  // semitones from the pitch just before to the end's; negative: it fell
	Low   float64       `json:"low_st,omitempty"`   // semitones of the end above the median of the caller's pitch; negative: below
	Fade  float64       `json:"fade_db,omitempty"`  // dB of the end above the talkspurt's level; negative: it faded
	Drawl time.Duration `json:"drawl_ns,omitempty"` // length of the last stretch with a pitch
	Known bool          `json:"known,omitempty"`
}

// Bounds of what a voice can tell: what lies beyond is a wrong octave or a
// click.
const (
	mostFall = 6  // semitones
	mostFade = 20 // dB
	longTone = 0.6
)

// The middle of what voices do at any silence. An ending of which nothing is
// known tells as little as this one.
const (
	usualFall = 0.8
	usualLow  = 1.0
	usualFade = 5.0
	usualTone = 0.15
)

// turnWords is a turn as the features see it.
type turnWords struct {
	text  string
	words []string
	asked Asked
	l     *language
	v     *Vector
}

// Extract gives the features of a turn of the caller so far. Code is the ISO 639-1
// code of its language; without lists for it, English serves.
func Extract(code, text string, asked Asked, p Prosody) (v Vector, words []string) {
	t := turnWords{text: text, words: Words(text), asked: asked, l: speech(code), v: &v}
	v[Bias] = 1
	t.punctuation()
	if t.l.Answers.has(t.words...) && (!t.wantsMore() || !t.l.Openers.has(t.words...)) {
		v[WholeAnswer] = 1
	} else {
		t.length()
		t.ending()
		t.question()
		entity := t.number()
		entity = t.email() || entity
		entity = !entity && t.spelling() || entity
		entity = !entity && t.date() || entity
		entity = !entity && t.name() || entity
		t.answer(entity)
	}
	if p.Known {
		v[Falling] = clamp(-p.Fall, mostFall) - usualFall
		v[Lowered] = clamp(-p.Low, mostFall) - usualLow
		v[Faded] = clamp(-p.Fade, mostFade) - usualFade
		v[Drawn] = min(p.Drawl.Seconds(), longTone) - usualTone
	}

	return v, t.words
}

func clamp(x, limit float64) float64 { return min(max(x, -limit), limit) }

// speech is the lists of a language.
func speech(code string) *language {
	if l, ok := languages[code]; ok {
		return l
	}

	return languages[DefaultLanguage]
}

// wantsMore reports whether the agent asked for more than yes or no.
func (t *turnWords) wantsMore() bool {
	return t.asked.For != AsksNothing && t.asked.For != AsksYesNo
}

func (t *turnWords) length() {
	switch len(t.words) {
	case 0, 1:
		t.v[OneWord] = 1
	case 2:
		t.v[TwoWords] = 1
	case 3, 4:
		t.v[FewWords] = 1
	}
}

func (t *turnWords) punctuation() {
	text := strings.TrimRight(strings.TrimSpace(t.text), `"')`)
	switch {
	case strings.HasSuffix(text, "..."), strings.HasSuffix(text, "…"):
		t.v[Trailing] = 1
	case strings.HasSuffix(text, ","), strings.HasSuffix(text, "-"):
		t.v[Comma] = 1
	case strings.HasSuffix(text, "."), strings.HasSuffix(text, "?"), strings.HasSuffix(text, "!"):
		t.v[Period] = 1
	}
}

// ending looks at the kind of the last word.
func (t *turnWords) ending() {
	n := len(t.words)
	if n == 0 {
		return
	}
	if letters, _ := t.l.letterRun(t.words); len(letters) > 1 {
		return // the last one may be a word, too
	}
	if _, ok := t.l.Fillers.ends(t.words); ok {
		t.v[Filled] = 1

		return
	}
	for _, c := range []struct {
		list phrases
		is   Feature
	}{
		{t.l.Conjunctions, Conjunction},
		{t.l.Determiners, Determiner},
		{t.l.Auxiliaries, Auxiliary},
		{t.l.Prepositions, Preposition},
		{t.l.Subjects, Subject},
		{t.l.Verbs, Verb},
		{t.l.Adverbs, Adverb},
	} {
		if _, ok := c.list.ends(t.words); !ok {
			continue
		}
		if n >= 3 && t.l.Questions.has(t.words[0]) && t.l.Stranded.has(t.words[n-1]) {
			t.v[Stranded] = 1
		} else {
			t.v[c.is] = 1
		}

		return
	}
	if n >= 2 && t.l.Infinitive.has(t.words[n-2]) {
		t.v[Verb] = 1
	}
}

// open reports whether the last word asks for more.
func (t *turnWords) open() bool {
	for f := Conjunction; f <= Adverb; f++ {
		if t.v[f] != 0 {
			return true
		}
	}

	return t.v[Filled] != 0
}

// question looks at the first words.
func (t *turnWords) question() {
	n := len(t.words)
	if n == 0 {
		return
	}
	asks := t.l.Questions.has(t.words[0])
	switch {
	case asks && n <= 2, t.l.Inversions.has(t.words[0]) && n <= 3:
		t.v[BareQuestion] = 1
	case (asks || t.l.Inversions.has(t.words[0])) && !t.open():
		t.v[WholeQuestion] = 1
		if asks {
			t.v[FewWords] = 0 // "where is the bank" is as whole as a long question
		}
	case t.l.Subordinators.has(t.words[0]) && n <= 6:
		t.v[Clause] = 1
	}
}

// number looks at digits at the end of the turn.
func (t *turnWords) number() bool {
	digits, taken := t.l.digitRun(t.words)
	if digits == 0 {
		return false
	}
	want, announced := t.l.announced(t.words[:len(t.words)-taken])
	if t.asked.For == AsksNumber {
		announced = true
		if want == 0 {
			want = t.asked.Digits
		}
	}
	switch {
	case !announced && digits < 3:
		return false // an amount, a time
	case want > 0 && digits < want:
		t.v[NumberOpen] = 1
	case want > 0:
		t.v[NumberWhole] = 1
	case digits >= longNumber:
		t.v[NumberLong] = 1
	default:
		t.v[NumberRun] = 1
		if digits < shortNumber {
			t.v[NumberShort] = 1
		}
	}

	return true
}

// Rows of digits of which nobody said how long they are: a telephone number has
// ten, and hardly any number that is worth reading out has less than six.
const (
	longNumber  = 10
	shortNumber = 6
	shortName   = 4 // letters
)

// spelling looks at letters at the end of the turn.
func (t *turnWords) spelling() bool {
	letters, taken := t.l.letterRun(t.words)
	before := t.words[:len(t.words)-taken]
	begun := t.begun(letters, before)
	if len(letters) == 0 || len(letters) == 1 && t.asked.For != AsksSpelling && !begun {
		return false
	}
	switch {
	case len(letters) > 1 && spells(letters, before):
		t.v[SpellingWhole] = 1
	case begun:
		t.v[SpellingBegun] = 1
	default:
		t.v[SpellingOpen] = 1
		if len(letters) < shortName {
			t.v[SpellingShort] = 1
		}
	}

	return true
}

// begun tells letters of which more will come: they begin the word before them,
// or are too few for a name that was said, which may have been misheard.
func (t *turnWords) begun(letters []byte, before []string) bool {
	if len(letters) == 0 || len(before) == 0 {
		return false
	}
	word := before[len(before)-1]
	named := t.asked.For == AsksName || t.l.Named.in(before)
	switch {
	case len(letters) >= len(word), t.asked.For == AsksSpelling && !named, t.l.Prepositions.has(word): // "with a k"
		return false
	default:
		return strings.HasPrefix(word, string(letters)) || named && len(letters) > 1
	}
}

// email looks for an address.
func (t *turnWords) email() bool {
	n := len(t.words)
	at, dot := false, false
	for _, w := range t.words {
		at = at || t.l.At.has(w)
		dot = dot || t.l.Dot.has(w)
	}
	told := t.asked.For == AsksEmail || t.l.Mail.in(t.words)
	begun := dot || t.asked.For == AsksEmail || told && at
	if n == 0 || !begun || !told && !at {
		return false
	}
	if n >= 2 && at && t.l.Domains.has(t.words[n-1]) && t.l.Dot.has(t.words[n-2]) {
		t.v[EmailWhole] = 1
	} else {
		t.v[EmailOpen] = 1
	}

	return true
}

// date looks for days and times.
func (t *turnWords) date() bool {
	n := len(t.words)
	if n == 0 || t.open() && t.v[Filled] == 0 {
		return false
	}
	var month, day bool
	figures := 0 // words of numbers, or digits
	for _, w := range t.words {
		month = month || t.l.Months.has(w)
		day = day || t.l.Weekdays.has(w) || t.l.Ordinals.has(w)
		switch {
		case isDigits(w):
			figures += len(w)
		case t.l.digit(w), t.l.Teens.has(w), t.l.Tens.has(w), t.l.Thousand.has(w):
			figures++
		}
	}
	switch {
	case t.asked.For == AsksBirth && (month || day) && figures < yearWords, t.l.Months.has(t.words[n-1]) && !day && figures == 0:
		t.v[DateOpen] = 1
	case month && (day || figures > 0), day && figures > 0, t.asked.For == AsksDate && (day || figures > 0):
		t.v[DateWhole] = 1
	default:
		return false
	}

	return true
}

// yearWords is how many numbers a year takes at least: "nineteen seventy".
const yearWords = 2

// name looks for a name after what announces one.
func (t *turnWords) name() bool {
	n := len(t.words)
	if n == 0 || t.open() {
		return false
	}
	said := 0 // words of the name
	for i := n; i > 0; i-- {
		if _, ok := t.l.Named.ends(t.words[:i]); ok {
			said = n - i

			break
		}
	}
	if said == 0 && t.asked.For == AsksName && n <= 3 {
		said = n
	}
	switch said {
	case 1:
		t.v[NameFirst] = 1
	case 2, 3:
		t.v[NameWhole] = 1
	default:
		return false
	}

	return true
}

// answer compares the words with what was asked for.
func (t *turnWords) answer(entity bool) {
	if t.asked.For == AsksYesNo && len(t.words) > 0 && t.l.Agreement.has(t.words[0]) && !t.open() {
		t.v[AnswersYesNo] = 1
	}
	precise := t.asked.For == AsksNumber || t.asked.For == AsksEmail || t.asked.For == AsksSpelling
	if !entity && (precise || t.wantsMore() && t.l.Openers.has(t.words...)) {
		t.v[Unanswered] = 1
	}
}
