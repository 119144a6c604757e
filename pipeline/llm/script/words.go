package script

import (
	"strings"
	"unicode"
)

// contractions are written out, so that "what's" and "what is" are alike.
var contractions = map[string]string{
	"i'd": "i would", "i'm": "i am", "i'll": "i will", "i've": "i have",
	"it's": "it is", "that's": "that is", "there's": "there is",
	"what's": "what is", "where's": "where is", "when's": "when is", "who's": "who is", "how's": "how is",
	"you're": "you are", "we're": "we are", "they're": "they are", "name's": "name is",
	"don't": "do not", "doesn't": "does not", "didn't": "did not", "isn't": "is not",
	"aren't": "are not", "wasn't": "was not", "can't": "can not", "cannot": "can not",
	"won't": "will not", "couldn't": "could not", "wouldn't": "would not",
	"let's": "let us", "wanna": "want to", "gonna": "going to", "gotta": "got to",
	"thanks": "thank you", "o'clock": "oclock", "c'mon": "come on",
	"a.m": "am", "p.m": "pm", "okay": "ok", "alright": "ok", "yeah": "yes", "yep": "yes", "yup": "yes",
	"nope": "no", "nah": "no",
}

// fillers carry no meaning in a spoken sentence.
var fillers = map[string]bool{
	"um": true, "uh": true, "er": true, "erm": true, "ah": true, "oh": true, "hm": true, "hmm": true, "mm": true,
	"well": true, "so": true, "like": false, "actually": true, "just": true, "please": true, "sort": false,
	"basically": true, "maybe": true, "perhaps": true,
}

// fold makes spoken or typed text comparable: lower case, no punctuation,
// contractions written out. Times such as 10:30 stay one word.
func fold(text string) []string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '\'', r == ':', r == '.':
			return unicode.ToLower(r)
		case r == '’':
			return '\''
		default:
			return ' '
		}
	}, text)
	var words []string
	for _, w := range strings.Fields(clean) {
		w = strings.Trim(w, "'.:")
		if w == "" {
			continue
		}
		if long, ok := contractions[w]; ok {
			words = append(words, strings.Fields(long)...)
			continue
		}
		words = append(words, strings.TrimSuffix(strings.ReplaceAll(w, ".", ""), "'s"))
	}
	return words
}

// meaningful leaves fillers out, unless nothing else was said.
func meaningful(words []string) []string {
	kept := make([]string, 0, len(words))
	for _, w := range words {
		if !fillers[w] {
			kept = append(kept, w)
		}
	}
	return kept
}
