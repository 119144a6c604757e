package endpoint

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Config is how long each kind of ending waits. The zero value of a field
// takes the default that the field's comment gives. Every wait is bounded to
// the range from Min to Max.
type Config struct {
	Min      time.Duration `json:"min_ns,omitempty"`      // the shortest wait: 200 ms
	Max      time.Duration `json:"max_ns,omitempty"`      // the longest wait: 3 s
	Short    time.Duration `json:"short_ns,omitempty"`    // after a short whole answer, such as "yes": 300 ms
	Complete time.Duration `json:"complete_ns,omitempty"` // after words that read as a whole sentence: 500 ms
	Unknown  time.Duration `json:"unknown_ns,omitempty"`  // after sound without words: 800 ms
	Open     time.Duration `json:"open_ns,omitempty"`     // after words that ask for more, such as "my name is": 1.5 s
	Filler   time.Duration `json:"filler_ns,omitempty"`   // after a filler, such as "um": 1.8 s
	String   time.Duration `json:"string_ns,omitempty"`   // inside digits or spelled letters: 1.5 s
	Hold     time.Duration `json:"hold_ns,omitempty"`     // after "hold on": 3 s
}

// WithDefaults fills the fields that are zero.
func (c Config) WithDefaults() Config {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.Min, 200 * time.Millisecond},
		{&c.Max, 3 * time.Second},
		{&c.Short, 300 * time.Millisecond},
		{&c.Complete, 500 * time.Millisecond},
		{&c.Unknown, 800 * time.Millisecond},
		{&c.Open, 1500 * time.Millisecond},
		{&c.Filler, 1800 * time.Millisecond},
		{&c.String, 1500 * time.Millisecond},
		{&c.Hold, 3 * time.Second},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return c
}

// Validate says which settings cannot work.
func (c Config) Validate() error {
	c = c.WithDefaults()
	if c.Min < 0 {
		return fmt.Errorf("endpoint: min is %v: a wait cannot be negative", c.Min)
	}
	if c.Max > 10*time.Second {
		return errors.New("endpoint: max is above 10s: the caller would think that the line is dead")
	}
	if c.Min > c.Max {
		return fmt.Errorf("endpoint: min %v is above max %v: lower min or raise max", c.Min, c.Max)
	}
	return nil
}

// Decision is how much silence ends the turn, and why.
type Decision struct {
	Wait    time.Duration `json:"wait_ns"`
	Reasons []string      `json:"reasons"`
}

// Decide says how much silence after text ends the caller's turn. Text is all
// that the caller said in the turn so far; case and punctuation are welcome
// and not needed.
func Decide(c Config, text string) Decision {
	c = c.WithDefaults()
	wait, reason := c.rule(text)
	reasons := []string{reason}
	if wait < c.Min {
		wait, reasons = c.Min, append(reasons, "raised to the minimum")
	}
	if wait > c.Max {
		wait, reasons = c.Max, append(reasons, "lowered to the maximum")
	}
	return Decision{Wait: wait, Reasons: reasons}
}

// rule finds the first rule that fits, from the most patient to the least.
func (c Config) rule(text string) (time.Duration, string) {
	words := Words(text)
	if len(words) == 0 {
		return c.Unknown, "no words yet"
	}
	last := words[len(words)-1]
	if phrase, ok := endsWithAny(words, holdPhrases); ok {
		return c.Hold, fmt.Sprintf("asks us to wait: %q", phrase)
	}
	if strings.HasSuffix(strings.TrimSpace(text), "...") || strings.HasSuffix(strings.TrimSpace(text), "…") {
		return c.Filler, "trails off"
	}
	if phrase, ok := endsWithAny(words, fillers); ok {
		return c.Filler, fmt.Sprintf("ends with the filler %q", phrase)
	}
	if n := digitRun(words); n > 0 {
		switch {
		case n >= fullNumber:
			return c.Complete, fmt.Sprintf("a number of %d digits reads as whole", n)
		case n >= 2 || announcesNumber(words[:len(words)-1]):
			return c.String, fmt.Sprintf("inside a number, %d digits so far", n)
		}
	}
	if n := letterRun(words); n >= 2 {
		return c.String, fmt.Sprintf("spelling, %d letters so far", n)
	}
	if _, ok := short[strings.Join(words, " ")]; ok {
		return c.Short, "a short whole answer"
	}
	if _, ok := open[last]; ok && !wholeWithOpenEnd(words) {
		return c.Open, fmt.Sprintf("ends with %q, which asks for more", last)
	}
	if endsSentence(text) {
		return c.Short, "ends with punctuation"
	}
	if _, ok := questionWords[words[0]]; ok && len(words) >= 3 {
		return c.Complete, "reads as a whole question"
	}
	return c.Complete, "reads as whole"
}

// fullNumber is how many digits make a whole telephone number.
const fullNumber = 10

// Words cuts text into lower-case words without punctuation. Apostrophes
// inside words stay.
func Words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\''
	})
}

// endsWithAny finds the longest phrase that words end with.
func endsWithAny(words []string, phrases map[string]struct{}) (string, bool) {
	for n := min(len(words), longestPhrase); n > 0; n-- {
		phrase := strings.Join(words[len(words)-n:], " ")
		if _, ok := phrases[phrase]; ok {
			return phrase, true
		}
	}
	return "", false
}

// longestPhrase is the most words that a listed phrase has.
const longestPhrase = 4

// digitRun counts the digits at the end of words. "double five" is two and
// "4417" is four.
func digitRun(words []string) int {
	n := 0
	for i := len(words) - 1; i >= 0; i-- {
		switch w := words[i]; {
		case isDigits(w):
			n += len(w)
		case isIn(w, digitWords):
			n++
		case n > 0 && w == "double":
			n++
		case n > 0 && w == "triple":
			n += 2
		default:
			return n
		}
	}
	return n
}

// announcesNumber reports whether a single digit after words begins a longer
// number, as in "my number is five", and is no amount, as in "at five".
func announcesNumber(words []string) bool {
	if len(words) == 0 {
		return false
	}
	last := words[len(words)-1]
	if last == "number" || last == "zip" || last == "code" {
		return true
	}
	if last != "is" && last != "it's" {
		return false
	}
	for _, w := range words {
		if w == "number" || w == "code" || w == "phone" || w == "account" || w == "zip" {
			return true
		}
	}
	return false
}

// letterRun counts the spelled letters at the end of words, "b as in bravo"
// and "b for bravo" included.
func letterRun(words []string) int {
	n := 0
	for i := len(words) - 1; i >= 0; i-- {
		switch w := words[i]; {
		case i >= 2 && words[i-1] == "for" && len(words[i-2]) == 1:
			i -= 2
		case i >= 3 && words[i-1] == "in" && words[i-2] == "as" && len(words[i-3]) == 1:
			i -= 3
		case isIn(w, spelled):
		case len(w) == 1 && (n > 0 || w != "a" && w != "i"):
		default:
			return n
		}
		n++
	}
	return n
}

// wholeWithOpenEnd reports whether words are a whole question although they
// end with a word that mostly asks for more, as in "where are you at" or
// "who is this for".
func wholeWithOpenEnd(words []string) bool {
	if len(words) < 3 {
		return false
	}
	if _, ok := questionWords[words[0]]; !ok {
		return false
	}
	return isIn(words[len(words)-1], strandable)
}

// endsSentence reports whether a recogniser that punctuates closed the
// sentence.
func endsSentence(text string) bool {
	text = strings.TrimRight(strings.TrimSpace(text), `"')`)
	return strings.HasSuffix(text, ".") || strings.HasSuffix(text, "?") || strings.HasSuffix(text, "!")
}

func isDigits(w string) bool {
	for _, r := range w {
		if r < '0' || r > '9' {
			return false
		}
	}
	return w != ""
}

func isIn(w string, set map[string]struct{}) bool {
	_, ok := set[w]
	return ok
}
