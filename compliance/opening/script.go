package opening

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"strings"

	"trunkline/compliance/language"
	"trunkline/privacy"
)

//go:embed texts/*.yaml
var files embed.FS

// Texts are the sentences of an opening in one language. {name}, {key} and
// {number} in them stand for values.
type Texts struct {
	Identity      string            `yaml:"identity"` // that an AI speaks, and for whom
	OptOut        string            `yaml:"opt_out"`
	OptOutByVoice string            `yaml:"opt_out_by_voice"` // where no key opts out
	Recording     string            `yaml:"recording"`
	Purpose       string            `yaml:"purpose"` // what is offered; empty: no sales call
	Callback      string            `yaml:"callback"`
	Keys          map[string]string `yaml:"keys"` // names of keys that are no digits
}

// Sentence is one of a script, and what it says of what must be said.
type Sentence struct {
	Items []Item `json:"items"`
	Text  string `json:"text"`
}

// Caller is who calls, and how to have no more calls.
type Caller struct {
	LegalName string
	Callback  privacy.Number
	Key       string // empty: none opts out
}

var texts, loadErr = language.Load[Texts](files, "texts")

// In are the texts of a language, or the English ones where it has none. A
// region, as in es-US, is left out.
func In(tag string) Texts { return texts.In(tag) }

// Errors of Validate.
var (
	errNoName   = errors.New("the identity does not hold {name}: the law wants the registered name in the first sentence")
	errNoNumber = errors.New("the callback does not hold {number}")
	errNoKey    = errors.New("the opt_out does not hold {key}")
)

// Validate says what texts of one's own lack. Empty ones lack nothing.
func (t Texts) Validate() error {
	switch {
	case t.Identity != "" && !strings.Contains(t.Identity, "{name}"):
		return errNoName
	case t.Callback != "" && !strings.Contains(t.Callback, "{number}"):
		return errNoNumber
	case t.OptOut != "" && !strings.Contains(t.OptOut, "{key}"):
		return errNoKey
	default:
		return nil
	}
}

// Or are the texts, with those of others where they are empty.
func (t Texts) Or(o Texts) Texts {
	return Texts{
		Identity: cmp.Or(t.Identity, o.Identity), OptOut: cmp.Or(t.OptOut, o.OptOut), OptOutByVoice: cmp.Or(t.OptOutByVoice, o.OptOutByVoice),
		Recording: cmp.Or(t.Recording, o.Recording), Purpose: cmp.Or(t.Purpose, o.Purpose), Callback: cmp.Or(t.Callback, o.Callback), Keys: o.Keys,
	}
}

// Notice is the opening of a call of which nothing must be said but that it is
// recorded.
func (t Texts) Notice() []Sentence {
	return []Sentence{{Items: []Item{Recording}, Text: t.Recording}}
}

// Sentences are the opening of a call that is placed, in the order that the law
// wants: who calls, how to stop it, then the rest.
func (t Texts) Sentences(c Caller, recorded bool) []Sentence {
	all := []Sentence{{Items: []Item{AI, Name}, Text: strings.ReplaceAll(t.Identity, "{name}", strings.TrimSuffix(c.LegalName, "."))}}
	optOut := t.OptOutByVoice
	if c.Key != "" {
		optOut = strings.ReplaceAll(t.OptOut, "{key}", cmp.Or(t.Keys[c.Key], c.Key))
	}
	all = append(all, Sentence{Items: []Item{OptOut}, Text: optOut})
	if recorded {
		all = append(all, t.Notice()...)
	}
	if t.Purpose != "" {
		all = append(all, Sentence{Items: []Item{Purpose}, Text: t.Purpose})
	}

	return append(all, t.Closing(c))
}

// Closing is the number to call back, which is said again before we hang up.
func (t Texts) Closing(c Caller) Sentence {
	return Sentence{Items: []Item{Callback}, Text: strings.ReplaceAll(t.Callback, "{number}", string(c.Callback))}
}

// Check says whether the texts could be read, and are whole.
func Check() error {
	for code, t := range texts {
		if err := t.Validate(); err != nil {
			return fmt.Errorf("opening: %s: %w", code, err)
		}
		if t.Identity == "" || t.OptOut == "" || t.OptOutByVoice == "" || t.Recording == "" || t.Callback == "" || len(t.Keys) != 2 {
			return fmt.Errorf("opening: %s: a text is missing", code)
		}
	}

	return loadErr
}
