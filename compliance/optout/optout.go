// Package optout finds, in what a called or calling person says, that they do
// not want to be called (47 CFR 64.1200(a)(10): any reasonable way of saying
// so counts).
//
// It reads the raw transcript with lists of phrases, one file for each
// language, and no model: an opt-out must be found when the model is down,
// slow, or of another opinion. Whoever runs the call asks it about every piece
// of transcript, writes the suppression, and only then speaks.
//
// It never decides how far an opt-out goes (compliance.OptOutDuty says it) and
// writes nothing.
package optout

import (
	"embed"
	"strings"

	"trunkline/compliance/language"
	"trunkline/compliance/phrase"
)

//go:embed phrases/*.yaml
var files embed.FS

// Class is what a person's words mean for later calls.
type Class string

// Classes, from the strongest.
const (
	WrongNumber Class = "wrong_number" // and the number may have a new owner
	OptOut      Class = "opt_out"
	Ambiguous   Class = "ambiguous" // "not now": stop marketing, and let a person read it
	None        Class = ""
)

// Finding is what was found in some words.
type Finding struct {
	Class  Class
	Phrase string // the entry of the list
	Words  string // what was said, as compared
	// Alone: the word means an opt-out only because nothing else was said, as
	// "stop" does after an opening that offers it. In a call that we did not
	// place it may be no more than an interruption.
	Alone bool
}

// list is one language's file.
type list struct {
	OptOut      []phrase.Pattern `yaml:"opt_out"`
	Alone       []phrase.Pattern `yaml:"alone"` // each of them stands between ^ and $
	WrongNumber []phrase.Pattern `yaml:"wrong_number"`
	Ambiguous   []phrase.Pattern `yaml:"ambiguous"`
	Except      []phrase.Pattern `yaml:"except"`
}

var lists, loadErr = language.Load[list](files, "phrases")

// Languages are the languages with a list, by ISO 639-1 code.
func Languages() ([]string, error) { return lists.Codes(), loadErr }

// Find looks for an opt-out in one piece of transcript. The conversation's
// language is looked at first, then every other one: people fall back on their
// own. A region, as in es-US, is left out.
func Find(tag, text string) Finding {
	words := phrase.Said(text)
	for l := range lists.From(tag) {
		if found := l.find(words); found.Class != None {
			return found
		}
	}

	return Finding{}
}

func (l list) find(words []string) Finding {
	for _, kind := range []struct {
		class Class
		list  []phrase.Pattern
		alone bool
	}{
		{WrongNumber, l.WrongNumber, false}, {OptOut, l.OptOut, false}, {OptOut, l.Alone, true}, {Ambiguous, l.Ambiguous, false},
	} {
		if hit, ok := phrase.Find(words, kind.list, l.Except); ok {
			return Finding{Class: kind.class, Phrase: hit.Pattern, Words: strings.Join(words[hit.From:hit.To], " "), Alone: kind.alone}
		}
	}

	return Finding{}
}
