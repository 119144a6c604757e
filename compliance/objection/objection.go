// Package objection finds, in what a person says, that they do not want to be
// recorded or written down (the states' laws of all-party consent, GDPR
// article 21).
//
// It reads the raw transcript with lists of phrases, one file for each
// language, and no model. Whoever runs the call asks it about every piece of
// transcript, stops recording and transcription for good, and then says Line.
// It stops nothing itself.
package objection

import (
	"embed"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"

	"trunkline/compliance/phrase"
)

//go:embed phrases/*.yaml
var files embed.FS

// list is one language's file.
type list struct {
	objects, except []phrase.Pattern
	line            string
}

var languages, loadErr = load()

// fallback is the language of the line where a language has no list.
const fallback = "en"

func load() (map[string]list, error) {
	all := make(map[string]list)
	entries, err := files.ReadDir("phrases")
	if err != nil {
		return nil, fmt.Errorf("objection: %w", err)
	}
	for _, e := range entries {
		l, err := read(e.Name())
		if err != nil {
			return nil, fmt.Errorf("objection: %s: %w", e.Name(), err)
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
		Objects []string `yaml:"objects"`
		Except  []string `yaml:"except"`
		Line    string   `yaml:"line"`
	}
	if err := yaml.UnmarshalWithOptions(src, &f, yaml.Strict()); err != nil {
		return list{}, err
	}
	l := list{line: f.Line}
	if l.objects, err = phrase.ParseAll(f.Objects); err != nil {
		return list{}, err
	}
	l.except, err = phrase.ParseAll(f.Except)

	return l, err
}

// Check says whether every list could be read.
func Check() error { return loadErr }

// Find looks for an objection in some words, and returns the entry of the list
// that it is. The conversation's language is looked at first, then every other
// one.
func Find(language, text string) (entry string, ok bool) {
	words := phrase.Said(text)
	for _, code := range []string{base(language), "de", "en", "es", "fr"} {
		if hit, ok := phrase.Find(words, languages[code].objects, languages[code].except); ok {
			return hit.Pattern, true
		}
	}

	return "", false
}

// Line is what the person is told once nothing is kept any more, in the
// conversation's language, or in English where it has no list.
func Line(language string) string {
	if l, ok := languages[base(language)]; ok {
		return l.line
	}

	return languages[fallback].line
}

// base is a language without its region.
func base(language string) string {
	code, _, _ := strings.Cut(strings.ToLower(language), "-")

	return code
}
