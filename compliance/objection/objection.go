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

	"trunkline/compliance/language"
	"trunkline/compliance/phrase"
)

//go:embed phrases/*.yaml
var files embed.FS

// list is one language's file.
type list struct {
	Objects []phrase.Pattern `yaml:"objects"`
	Except  []phrase.Pattern `yaml:"except"`
	Line    string           `yaml:"line"`
}

var lists, loadErr = language.Load[list](files, "phrases")

// Check says whether every list could be read.
func Check() error { return loadErr }

// Find looks for an objection in some words, and returns the entry of the list
// that it is. The conversation's language is looked at first, then every other
// one.
func Find(tag, text string) (entry string, ok bool) {
	words := phrase.Said(text)
	for l := range lists.From(tag) {
		if hit, ok := phrase.Find(words, l.Objects, l.Except); ok {
			return hit.Pattern, true
		}
	}

	return "", false
}

// Line is what the person is told once nothing is kept any more, in the
// conversation's language, or in English where it has no list.
func Line(tag string) string { return lists.In(tag).Line }
