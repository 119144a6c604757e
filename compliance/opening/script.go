package opening

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"trunkline/compliance"
	"trunkline/compliance/language"
	"trunkline/privacy"
)

//go:embed texts/*.yaml
var files embed.FS

// Texts are the sentences of an opening in one language. {name}, {key} and
// {number} in them stand for values.
type Texts struct {
	Identity      string            `yaml:"identity"` // that an AI speaks, and for whom
	AI            string            `yaml:"ai"`       // that an AI speaks, where nobody says for whom
	OptOut        string            `yaml:"opt_out"`
	OptOutByVoice string            `yaml:"opt_out_by_voice"` // where no key opts out
	Recording     string            `yaml:"recording"`
	Purpose       string            `yaml:"purpose"` // what is offered; empty: Sales where a rule asks for it
	Sales         string            `yaml:"sales"`   // that something is sold
	Callback      string            `yaml:"callback"`
	AIAtEnd       string            `yaml:"ai_at_end"` // that an AI has spoken
	Reminder      string            `yaml:"reminder"`  // that an AI speaks again
	TollFree      string            `yaml:"toll_free"` // on a voicemail: how to have no more calls
	Keys          map[string]string `yaml:"keys"`      // names of keys that are no digits
}

// Sentence is one of a script, and what it says of what must be said.
type Sentence struct {
	Items []Item `json:"items"`
	Text  string `json:"text"`
}

// Caller is who calls, and how to have no more calls.
type Caller struct {
	LegalName string         // empty: nobody has said
	Callback  privacy.Number // empty: none is known
	TollFree  privacy.Number // that takes opt-outs; empty: none is known
	Key       string         // empty: none opts out
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
		AI: cmp.Or(t.AI, o.AI), Sales: cmp.Or(t.Sales, o.Sales), AIAtEnd: cmp.Or(t.AIAtEnd, o.AIAtEnd), Reminder: cmp.Or(t.Reminder, o.Reminder),
		TollFree: cmp.Or(t.TollFree, o.TollFree),
	}
}

// Notice is the opening of a call of which nothing must be said but that it is
// recorded.
func (t Texts) Notice() []Sentence {
	return []Sentence{{Items: []Item{Recording}, Text: t.Recording}}
}

// Sentences are the opening of a call that is placed, in the order that the law
// wants: who calls, how to stop it, then the rest, the most urgent first. What a
// duty asks for and nobody has configured is missing, and its proof says so.
func (t Texts) Sentences(c Caller, d compliance.OpeningDuty, recorded bool) []Sentence {
	var all []Sentence
	switch name := strings.TrimSuffix(c.LegalName, "."); {
	case name != "":
		all = append(all, Sentence{Items: []Item{AI, Name}, Text: strings.ReplaceAll(t.Identity, "{name}", name)})
	case d.AIWithin > 0 || d.LegalNameWithin > 0:
		all = append(all, Sentence{Items: []Item{AI}, Text: t.AI})
	}
	if c.LegalName != "" || d.OptOutAfterName > 0 {
		optOut := t.OptOutByVoice
		if c.Key != "" {
			optOut = strings.ReplaceAll(t.OptOut, "{key}", cmp.Or(t.Keys[c.Key], c.Key))
		}
		all = append(all, Sentence{Items: []Item{OptOut}, Text: optOut})
	}
	purpose := t.Purpose
	if d.PurposeWithin > 0 {
		purpose = cmp.Or(purpose, t.Sales)
	}
	var rest []Sentence
	if recorded {
		rest = t.Notice()
	}
	if purpose != "" {
		rest = append(rest, Sentence{Items: []Item{Purpose}, Text: purpose})
	}
	if len(rest) == 2 && d.PurposeWithin > 0 && d.PurposeWithin < d.RecordingWithin {
		slices.Reverse(rest)
	}
	all = append(all, rest...)
	if c.Callback != "" {
		all = append(all, t.callback(c))
	}

	return all
}

func (t Texts) callback(c Caller) Sentence {
	return Sentence{Items: []Item{Callback}, Text: strings.ReplaceAll(t.Callback, "{number}", string(c.Callback))}
}

// Closing is what is said before we hang up: that an AI has spoken, where a duty
// asks for that, and once more the number to call back. It may be empty.
func (t Texts) Closing(c Caller, d compliance.OpeningDuty) Sentence {
	var s Sentence
	if d.AIAtEnd {
		s = Sentence{Items: []Item{AIAtEnd}, Text: t.AIAtEnd}
	}
	if c.Callback != "" {
		last := t.callback(c)
		s = Sentence{Items: append(s.Items, last.Items...), Text: strings.TrimSpace(s.Text + " " + last.Text)}
	}

	return s
}

// Reminding is said by an agent to whom a call comes back.
func (t Texts) Reminding() Sentence { return Sentence{Items: []Item{Reminder}, Text: t.Reminder} }

// Voicemail is said after what an answering machine is told. It is empty where
// no toll-free number is known.
func (t Texts) Voicemail(c Caller) Sentence {
	if c.TollFree == "" {
		return Sentence{}
	}

	return Sentence{Items: []Item{TollFree}, Text: strings.ReplaceAll(t.TollFree, "{number}", string(c.TollFree))}
}

// Check says whether the texts could be read, and are whole.
func Check() error {
	for code, t := range texts {
		if err := t.Validate(); err != nil {
			return fmt.Errorf("opening: %s: %w", code, err)
		}
		all := []string{t.Identity, t.AI, t.OptOut, t.OptOutByVoice, t.Recording, t.Sales, t.Callback, t.AIAtEnd, t.Reminder, t.TollFree}
		if slices.Contains(all, "") || len(t.Keys) != 2 {
			return fmt.Errorf("opening: %s: a text is missing", code)
		}
	}

	return loadErr
}
