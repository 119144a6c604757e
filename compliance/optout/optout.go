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
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

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
	optOut, alone, wrongNumber, ambiguous, except []phrase.Pattern
}

var languages, loadErr = load()

func load() (map[string]list, error) {
	all := make(map[string]list)
	entries, err := files.ReadDir("phrases")
	if err != nil {
		return nil, fmt.Errorf("optout: %w", err)
	}
	for _, e := range entries {
		l, err := read(e.Name())
		if err != nil {
			return nil, fmt.Errorf("optout: %s: %w", e.Name(), err)
		}
		all[strings.TrimSuffix(e.Name(), ".yaml")] = l
	}

	return all, nil
}

func read(name string) (list, error) {
	src, err := files.ReadFile("phrases/" + name)
	if err != nil {
		return list{}, err
	}
	var f struct {
		OptOut      []string `yaml:"opt_out"`
		Alone       []string `yaml:"alone"`
		WrongNumber []string `yaml:"wrong_number"`
		Ambiguous   []string `yaml:"ambiguous"`
		Except      []string `yaml:"except"`
	}
	if err := yaml.UnmarshalWithOptions(src, &f, yaml.Strict()); err != nil {
		return list{}, err
	}
	var l list
	for i := range f.Alone {
		f.Alone[i] = "^ " + f.Alone[i] + " $"
	}
	for _, part := range []struct {
		texts []string
		into  *[]phrase.Pattern
	}{
		{f.OptOut, &l.optOut}, {f.Alone, &l.alone}, {f.WrongNumber, &l.wrongNumber}, {f.Ambiguous, &l.ambiguous}, {f.Except, &l.except},
	} {
		if *part.into, err = phrase.ParseAll(part.texts); err != nil {
			return list{}, err
		}
	}

	return l, nil
}

// Languages are the languages with a list, by ISO 639-1 code.
func Languages() ([]string, error) {
	var codes []string
	for code := range languages {
		codes = append(codes, code)
	}
	slices.Sort(codes)

	return codes, loadErr
}

// Find looks for an opt-out in one piece of transcript. The conversation's
// language is looked at first, then every other one: people fall back on their
// own. A region, as in es-US, is left out.
func Find(language, text string) Finding {
	words := phrase.Said(text)
	code, _, _ := strings.Cut(strings.ToLower(language), "-")
	best := languages[code].find(words)
	for _, other := range []string{"de", "en", "es", "fr"} {
		if best.Class == None && other != code {
			best = languages[other].find(words)
		}
	}

	return best
}

func (l list) find(words []string) Finding {
	for _, kind := range []struct {
		class Class
		list  []phrase.Pattern
		alone bool
	}{
		{WrongNumber, l.wrongNumber, false}, {OptOut, l.optOut, false}, {OptOut, l.alone, true}, {Ambiguous, l.ambiguous, false},
	} {
		if hit, ok := phrase.Find(words, kind.list, l.except); ok {
			return Finding{Class: kind.class, Phrase: hit.Pattern, Words: strings.Join(words[hit.From:hit.To], " "), Alone: kind.alone}
		}
	}

	return Finding{}
}
