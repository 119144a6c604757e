package endpoint

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// DefaultLanguage is the language of word lists that Config names none of.
const DefaultLanguage = "en"

// Config is how patient the endpoint is. The zero value of a field takes the
// default that the field's comment gives. Every wait is bounded to the range
// from Min to Max.
type Config struct {
	Language string        `json:"language,omitempty"`   // of the word lists, ISO 639-1: "en"
	Min      time.Duration `json:"min_ns,omitempty"`     // the shortest wait: 200 ms
	Max      time.Duration `json:"max_ns,omitempty"`     // the longest wait: 3 s
	Unknown  time.Duration `json:"unknown_ns,omitempty"` // after sound without words: 800 ms
	Hold     time.Duration `json:"hold_ns,omitempty"`    // after "hold on": 3 s
	// Caution is how unlikely it must have become that the caller goes on:
	// the odds at which the turn is taken, 0.15: of the turns that the weights
	// were learnt from, about 5 % are cut off then. Less of it waits longer.
	Caution float64 `json:"caution,omitempty"`
}

// WithDefaults fills the fields that are zero.
func (c Config) WithDefaults() Config {
	c.Language = cmp.Or(c.Language, DefaultLanguage)
	c.Min = cmp.Or(c.Min, noticed)
	c.Max = cmp.Or(c.Max, 3*time.Second)
	c.Unknown = cmp.Or(c.Unknown, 800*time.Millisecond)
	c.Hold = cmp.Or(c.Hold, 3*time.Second)
	c.Caution = cmp.Or(c.Caution, 0.15)

	return c
}

// Validate says which settings cannot work.
func (c Config) Validate() error {
	c = c.WithDefaults()
	if _, ok := languages[c.Language]; !ok {
		return fmt.Errorf("endpoint: no word lists for language %q: use one of %s", c.Language, strings.Join(Languages(), ", "))
	}
	if c.Min < 0 {
		return fmt.Errorf("endpoint: min is %v: a wait cannot be negative", c.Min)
	}
	if c.Max > 10*time.Second {
		return errors.New("endpoint: max is above 10s: the caller would think that the line is dead")
	}
	if c.Min > c.Max {
		return fmt.Errorf("endpoint: min %v is above max %v: lower min or raise max", c.Min, c.Max)
	}
	if !(c.Caution > 0 && c.Caution < 1) {
		return fmt.Errorf("endpoint: caution is %v: it is above 0 and below 1", c.Caution)
	}

	return nil
}

// Input is what is known when the caller is silent.
type Input struct {
	Text      string  // all that the caller said in the turn so far; case and punctuation are welcome and not needed
	EndOfTurn bool    // the recogniser believes that the caller has said all
	Asked     Asked   // by the agent, before
	Prosody   Prosody // of the latest talkspurt
	Habit     Habit   // of the caller
}

// Decision is how much silence ends the turn, counted from the last voice, and
// why.
type Decision struct {
	Wait    time.Duration `json:"wait_ns"`
	Reasons []string      `json:"reasons"`
	Hold    bool          `json:"hold,omitempty"` // the caller asks us to wait
}

// signal is what a recogniser's own end of turn adds to the logarithm of the
// odds: they grow tenfold. What it says is taken as evidence, not as a verdict.
const signal = 2.3

// Decide says how much silence ends the caller's turn.
func Decide(c Config, in *Input) Decision {
	return decide(c.WithDefaults(), &learned, in)
}

// decide is Decide with given weights.
func decide(c Config, w *Weights, in *Input) Decision {
	v, words := Extract(c.Language, in.Text, in.Asked, in.Prosody)
	if len(words) == 0 {
		return c.bound(c.Unknown, []string{"no words yet"})
	}
	if phrase, ok := speech(c.Language).holds(words); ok {
		d := c.bound(c.Hold, []string{fmt.Sprintf("asks us to wait: %q", phrase)})
		d.Hold = true

		return d
	}
	odds := w.Odds(&v)
	reasons := make([]string, 1, 8)
	reasons[0] = fmt.Sprintf("%.0f %% whole", 100*Chance(odds))
	scale := in.Habit.scale()
	reasons = explain(reasons, w, &v, scale, words)
	if in.EndOfTurn {
		odds += signal
		reasons = append(reasons, "the recogniser ends the turn"+effect(signal, scale))
	}
	if n := in.Habit.Known(); n > 0 {
		reasons = append(reasons, fmt.Sprintf("long pauses of this caller last %v, by %d of them", in.Habit.Long().Round(10*time.Millisecond), n))
	}

	return c.bound(c.wait(odds, scale), reasons)
}

// wait is the silence after which the odds that the caller goes on have fallen
// to Caution. They are what the features say, and they fall as pauses do: e-fold
// in each scale.
func (c Config) wait(odds float64, scale time.Duration) time.Duration {
	periods := -odds - math.Log(c.Caution)

	return noticed + time.Duration(max(0, periods)*float64(scale))
}

// bound keeps a wait within Min and Max.
func (c Config) bound(wait time.Duration, reasons []string) Decision {
	wait = wait.Round(time.Millisecond)
	switch {
	case wait < c.Min:
		wait, reasons = c.Min, append(reasons, "raised to the minimum")
	case wait > c.Max:
		wait, reasons = c.Max, append(reasons, "lowered to the maximum")
	}

	return Decision{Wait: wait, Reasons: reasons}
}

// told is how many features a decision names at most.
const told = 4

// worth is the least effect on the wait that is worth naming.
const worth = 40 * time.Millisecond

// explain appends the features that count most, with what each does to the
// wait.
func explain(reasons []string, w *Weights, v *Vector, scale time.Duration, words []string) []string {
	var named [told]Feature
	n := 0
	for f := Bias + 1; f < Features; f++ {
		size := math.Abs(w[f] * v[f])
		if size*float64(scale) < float64(worth) {
			continue
		}
		at := n
		for at > 0 && math.Abs(w[named[at-1]]*v[named[at-1]]) < size {
			at--
		}
		if at == told {
			continue
		}
		n = min(n+1, told)
		copy(named[at+1:n], named[at:n-1])
		named[at] = f
	}
	for _, f := range named[:n] {
		reasons = append(reasons, say(f, v[f], words)+effect(w[f]*v[f], scale))
	}

	return reasons
}

// effect says what an addition to the logarithm of the odds does to the wait.
func effect(odds float64, scale time.Duration) string {
	return fmt.Sprintf(" (%+d ms)", -time.Duration(odds*float64(scale)).Milliseconds())
}

// say puts a feature into words.
func say(f Feature, x float64, words []string) string {
	last := words[len(words)-1]
	switch f {
	case Conjunction, Preposition, Determiner, Auxiliary, Subject, Verb, Adverb:
		return fmt.Sprintf("ends with the %s %q", f, last)
	case Stranded:
		return fmt.Sprintf("a question may end with %q", last)
	case Filled:
		return fmt.Sprintf("ends with the filler %q", last)
	case Falling:
		return fmt.Sprintf("pitch moves by %+.1f semitones", -(x + usualFall))
	case Lowered:
		return fmt.Sprintf("ends %+.1f semitones from the usual pitch", -(x + usualLow))
	case Faded:
		return fmt.Sprintf("ends %+.0f dB from the usual level", -(x + usualFade))
	case Drawn:
		return fmt.Sprintf("the last sound lasts %.2f s", x+usualTone)
	default:
		return sayings[f]
	}
}

// sayings are the other features.
var sayings = [Features]string{
	OneWord:  "one word",
	TwoWords: "two words",
	FewWords: "few words",

	Clause:        "a clause to which another belongs",
	BareQuestion:  "the beginning of a question",
	WholeQuestion: "reads as a whole question",
	WholeAnswer:   "a whole answer",
	AnswersYesNo:  "answers yes or no",
	NumberOpen:    "digits are missing",
	NumberWhole:   "all digits are there",
	NumberRun:     "inside a row of digits",
	NumberShort:   "few digits yet",
	NumberLong:    "a long row of digits",
	SpellingOpen:  "spells",
	SpellingShort: "few letters yet",
	SpellingBegun: "more letters of the word are missing",
	SpellingWhole: "has spelled the word",
	EmailOpen:     "inside an e-mail address",
	EmailWhole:    "a whole e-mail address",
	DateOpen:      "a part of a date",
	DateWhole:     "a whole date",
	NameFirst:     "a name of one word",
	NameWhole:     "a whole name",
	Unanswered:    "what was asked for has not come",
	Trailing:      "trails off",
	Comma:         "ends with a comma",
	Period:        "ends with a full stop",
}

// Holds reports whether a turn ends with words that ask us to wait.
func Holds(code string, words []string) bool {
	_, found := speech(code).holds(words)

	return found
}
