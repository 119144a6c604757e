package script

import (
	"math/bits"
	"strings"

	"trunkline/pipeline/asr/distance"
)

// alike is the least similarity at which a word heard may stand for another.
const alike = 0.7

// similarity says how easily a recogniser takes one word for the other: 1 for
// the same word, 0 for words that have nothing in common.
func similarity(a, b *word) float64 {
	if a.text == b.text {
		return 1
	}
	if len(a.text) < 3 || len(b.text) < 3 {
		return 0
	}
	short, long := len(a.text), len(b.text)
	if short > long {
		short, long = long, short
	}
	differ := max(bits.OnesCount32(a.letters&^b.letters), bits.OnesCount32(b.letters&^a.letters), long-short)
	if 2*differ > long {
		return 0 // at least differ letters must change
	}
	written := 1 - float64(edits(a.text, b.text))/float64(long)
	if len(a.sound) < 2 || len(b.sound) < 2 {
		return written
	}
	spoken := 1 - float64(edits(a.sound, b.sound))/float64(max(len(a.sound), len(b.sound)))
	return max(written, 0.5*written+0.5*spoken)
}

// word is a word and what it sounds like.
type word struct {
	text    string
	sound   string
	letters uint32 // which of a to z it has
	plain   bool   // one of plainWords
}

func newWord(text string) word {
	w := word{text: text, sound: sound(text), plain: plainWords[text]}
	for _, r := range text {
		if r >= 'a' && r <= 'z' {
			w.letters |= 1 << (r - 'a')
		}
	}
	return w
}

func newWords(texts []string) []word {
	words := make([]word, len(texts))
	for i, t := range texts {
		words[i] = newWord(t)
	}
	return words
}

// letterSounds maps letters to classes of consonants that telephone speech
// confuses: voiced and unvoiced, m and n. Vowels and h, w, y have none.
var letterSounds = [26]byte{
	'b' - 'a': 'p', 'p' - 'a': 'p',
	'f' - 'a': 'f', 'v' - 'a': 'f',
	'd' - 'a': 't', 't' - 'a': 't',
	'g' - 'a': 'k', 'k' - 'a': 'k', 'q' - 'a': 'k', 'c' - 'a': 'k',
	's' - 'a': 's', 'z' - 'a': 's', 'x' - 'a': 's', 'j' - 'a': 's',
	'm' - 'a': 'n', 'n' - 'a': 'n',
	'l' - 'a': 'l', 'r' - 'a': 'r',
}

// digraphs are spelled as one letter before sounds are looked up.
var digraphs = strings.NewReplacer(
	"tion", "sn", "ough", "o", "igh", "i", "ph", "f", "ch", "s", "sh", "s", "ck", "k", "kn", "n", "wr", "r",
	"ce", "se", "ci", "si", "ge", "je", "gi", "ji", "dg", "j",
)

// sound is the consonant skeleton of a word, with a leading "a" for a word
// that begins with a vowel.
func sound(w string) string {
	key := make([]byte, 0, len(w))
	first := true
	for _, r := range digraphs.Replace(w) {
		if r < 'a' || r > 'z' {
			continue
		}
		c := letterSounds[r-'a']
		if c == 0 {
			if first && r != 'h' && r != 'w' && r != 'y' {
				key = append(key, 'a')
				first = false
			}
			continue
		}
		first = false
		if len(key) == 0 || key[len(key)-1] != c {
			key = append(key, c)
		}
	}
	return string(key)
}

// maxWord bounds the words that are compared, in bytes.
const maxWord = 32

// edits is in how many bytes two words differ.
func edits(a, b string) int {
	return distance.Of([]byte(a[:min(len(a), maxWord)]), []byte(b[:min(len(b), maxWord)]))
}
