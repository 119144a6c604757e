// Package robot answers the question whether a person or a machine speaks,
// truthfully and outside any model (Utah Code 13-77, 10 M.R.S. 1500-DD, EU AI
// Act article 50, and common decency).
//
// Whoever runs the call asks it about every piece of transcript; when the
// question was put, the line that Answer gives is spoken as it stands, and the
// model is told that it was. No prompt and no script can change it.
package robot

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
	asked, except []phrase.Pattern
	answer        string
	of            string // the answer with {name} in it
}

var languages, loadErr = load()

// fallback is the language of the answer where a language has no list.
const fallback = "en"

func load() (map[string]list, error) {
	all := make(map[string]list)
	entries, err := files.ReadDir("phrases")
	if err != nil {
		return nil, fmt.Errorf("robot: %w", err)
	}
	for _, e := range entries {
		l, err := read(e.Name())
		if err != nil {
			return nil, fmt.Errorf("robot: %s: %w", e.Name(), err)
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
		Asked    []string `yaml:"asked"`
		Except   []string `yaml:"except"`
		Answer   string   `yaml:"answer"`
		AnswerOf string   `yaml:"answer_of"`
	}
	if err := yaml.UnmarshalWithOptions(src, &f, yaml.Strict()); err != nil {
		return list{}, err
	}
	l := list{answer: f.Answer, of: f.AnswerOf}
	if l.asked, err = phrase.ParseAll(f.Asked); err != nil {
		return list{}, err
	}
	l.except, err = phrase.ParseAll(f.Except)

	return l, err
}

// Check says whether every list could be read.
func Check() error { return loadErr }

// Asked says whether the words ask if a machine speaks. The conversation's
// language is looked at first, then every other one.
func Asked(language, text string) bool {
	words := phrase.Said(text)
	for _, code := range []string{base(language), "de", "en", "es", "fr"} {
		if _, ok := phrase.Find(words, languages[code].asked, languages[code].except); ok {
			return true
		}
	}

	return false
}

// Answer is the truth in one sentence, in the conversation's language, or in
// English where it has no list. The business whose name is empty is left out.
func Answer(language, business string) string {
	l, ok := languages[base(language)]
	if !ok {
		l = languages[fallback]
	}
	if business == "" {
		return l.answer
	}

	return strings.ReplaceAll(l.of, "{name}", business)
}

// base is a language without its region.
func base(language string) string {
	code, _, _ := strings.Cut(strings.ToLower(language), "-")

	return code
}
