package sphinx

import (
	"trunkline/pipeline/asr/sphinx/lexicon"
	"trunkline/pipeline/asr/sphinx/ngram"
)

// phrase is something that callers say, and how often compared with others.
type phrase struct {
	words    []string
	weight   float64
	optional bool // it is left out when the dictionary lacks a word of it
}

// courtesies are what callers say to any agent.
var courtesies = []string{
	"yes", "yes please", "yeah", "yep", "yes that is right", "that is right", "right", "correct", "sure", "okay", "all right", "please",
	"no", "no thank you", "no thanks", "nope", "no that is wrong", "that is not right",
	"uh huh", "mm hm", "hm", "uh", "um", "i see",
	"hello", "hi", "good morning", "good afternoon", "good evening", "thank you", "thanks", "thank you very much", "goodbye", "bye", "thank you goodbye",
	"sorry", "pardon", "excuse me", "what", "sorry what did you say", "can you repeat that", "could you say that again please", "i do not understand",
	"stop", "wait", "wait stop", "hold on", "one moment please", "just a moment", "never mind",
	"i do not know", "help",
}

// spoken are pronunciations of courtesies that dictionaries leave out.
var spoken = []lexicon.Entry{
	{Word: "mm(2)", Phones: "AH M"},
	{Word: "hm(2)", Phones: "HH AH M"},
}

// What a courtesy and an interjection count, against 1 for an agent's phrase.
// An interjection is said by itself far more often than it is a part of
// anything; above 3 more words are taken for one than are found.
const (
	courtesyWeight     = 0.5
	interjectionWeight = 3
)

// domainPhrases is the whole of what a domain's model is made from.
func domainPhrases(c *Config) []phrase {
	var phrases []phrase
	add := func(texts []string, weight float64, optional bool) {
		for _, text := range texts {
			if words := ngram.Words(text); len(words) > 0 {
				phrases = append(phrases, phrase{words: words, weight: weight, optional: optional})
			}
		}
	}
	add(courtesies, courtesyWeight, false)
	add(c.Phrases, 1, false)
	add(c.Interjections, interjectionWeight, true)
	return phrases
}
