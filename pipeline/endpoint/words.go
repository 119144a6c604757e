package endpoint

import (
	"slices"
	"strings"
	"unicode"
)

// Words cuts text into lower-case words without punctuation. Apostrophes
// inside words stay.
func Words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\''
	})
}

// digitRun counts the digits at the end of words, and the words that they
// take. "double five" is two, "4417" is four and "fifty five" is two. Tens and
// teens alone are amounts, not digits: they count only beside digits.
func (l *language) digitRun(words []string) (digits, taken int) {
	plain := 0 // words that are nothing but digits
	i := len(words) - 1
	for ; i >= 0; i-- {
		switch w := words[i]; {
		case isDigits(w):
			digits += len(w)
			plain += len(w)
		case l.digit(w):
			digits++
			plain++
		case l.Teens.has(w):
			digits += 2
		case l.Tens.has(w):
			if digits > 0 && i+1 < len(words) && l.digit(words[i+1]) {
				digits++
				plain--
			} else {
				digits += 2
			}
		case digits > 0 && l.Repeats.has(w):
			digits++
			if w == "triple" || w == "dreimal" {
				digits++
			}
		default:
			return lone(digits, plain, len(words)-1-i)
		}
	}

	return lone(digits, plain, len(words))
}

func (l *language) digit(w string) bool {
	_, ok := l.Digits[w]

	return ok
}

// lone drops a run without a plain digit.
func lone(digits, plain, taken int) (int, int) {
	if plain <= 0 {
		return 0, 0
	}

	return digits, taken
}

// announced finds the word that says that digits will come, and how many.
func (l *language) announced(words []string) (digits int, found bool) {
	for i, w := range words {
		if i > 0 && l.Counted.has(w) {
			if n, ok := l.Digits[words[i-1]]; ok {
				return n, true
			}
		}
		if n, ok := l.Numbers[w]; ok {
			digits, found = max(digits, n), true
		}
	}

	return digits, found
}

// letterRun gives the letters spelled at the end of words, "b as in bravo"
// and "b for bravo" as one, and how many words they take.
func (l *language) letterRun(words []string) (letters []byte, taken int) {
	i := len(words) - 1
	for i >= 0 {
		n := l.letter(words[:i+1], len(letters) > 0)
		if n == 0 {
			break
		}
		letters = append(letters, words[i-n+1][0])
		i -= n
	}
	slices.Reverse(letters)

	return letters, len(words) - 1 - i
}

// letter is how many words at the end of words are one letter. A letter that
// is a word counts only beside others.
func (l *language) letter(words []string, others bool) int {
	n := len(words)
	w := words[n-1]
	for gap := 1; gap <= 2 && n >= gap+2; gap++ {
		if first := words[n-gap-2]; len(first) == 1 && first[0] == w[0] && l.Alike.has(words[n-gap-1:n-1]...) {
			return gap + 2
		}
	}
	switch {
	case l.Alphabet.has(w):
		return 1
	case len(w) != 1 || isDigits(w):
		return 0
	case others || !l.Single.has(w), n >= 2 && len(words[n-2]) == 1 && !l.Single.has(words[n-2]) && !isDigits(words[n-2]):
		return 1
	default:
		return 0
	}
}

// spells reports whether letters are those of a word, such as the name before
// them.
func spells(letters []byte, words []string) bool {
	for _, w := range words {
		if len(w) >= 2 && strings.EqualFold(w, string(letters)) {
			return true
		}
	}

	return false
}

func isDigits(w string) bool {
	for i := range len(w) {
		if w[i] < '0' || w[i] > '9' {
			return false
		}
	}

	return w != ""
}
