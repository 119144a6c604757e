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
	"strings"

	"trunkline/compliance/language"
	"trunkline/compliance/phrase"
)

//go:embed phrases/*.yaml
var files embed.FS

// list is one language's file.
type list struct {
	Asked    []phrase.Pattern `yaml:"asked"`
	Except   []phrase.Pattern `yaml:"except"`
	Answer   string           `yaml:"answer"`
	AnswerOf string           `yaml:"answer_of"` // with {name} in it
}

var lists, loadErr = language.Load[list](files, "phrases")

// Check says whether every list could be read.
func Check() error { return loadErr }

// Asked says whether the words ask if a machine speaks. The conversation's
// language is looked at first, then every other one.
func Asked(tag, text string) bool {
	words := phrase.Said(text)
	for l := range lists.From(tag) {
		if _, ok := phrase.Find(words, l.Asked, l.Except); ok {
			return true
		}
	}

	return false
}

// Answer is the truth in one sentence, in the conversation's language, or in
// English where it has no list. The business whose name is empty is left out.
func Answer(tag, business string) string {
	l := lists.In(tag)
	if business == "" {
		return l.Answer
	}

	return strings.ReplaceAll(l.AnswerOf, "{name}", business)
}
