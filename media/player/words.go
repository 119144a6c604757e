package player

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"trunkline/media"
)

// samplesPerLetter is the usual pace of synthetic speech, 70 ms a letter. It
// stands in for the length of a sentence that is not synthesised to its end.
const samplesPerLetter = 70 * media.SampleRate / 1000

const unplaced media.Samples = -1

// place says where each word of the text starts, and as the last element where
// the text ends.
//
// A word that the engine marked starts at its mark. The words between two
// marks share the time between them by their letters; so do all words when
// there are no marks. Engines write numbers and abbreviations out, so marks
// and words are paired by their longest common subsequence.
func (s speech) place(words []string) []media.Samples {
	starts := make([]media.Samples, len(words)+1)
	for i := range starts {
		starts[i] = unplaced
	}
	last := media.Samples(0)
	for _, pair := range common(words, s.words) {
		if at := s.words[pair.mark].Start; at >= last {
			starts[pair.word], last = at, at
		}
	}
	starts[len(words)] = max(last, s.end(words, starts))
	for from := 0; from < len(words); {
		to := from + 1
		for starts[to] == unplaced {
			to++
		}
		spread(words[from:to], starts[from:to+1])
		from = to
	}
	return starts
}

// end is where the text ends: known when the segment is closed, else guessed
// from the last mark by the usual pace.
func (s speech) end(words []string, starts []media.Samples) media.Samples {
	if s.closed {
		return s.total
	}
	rest := media.Samples(0)
	for i := len(words) - 1; i >= 0; i-- {
		rest += letters(words[i])
		if starts[i] != unplaced {
			return max(s.total, starts[i]+rest*samplesPerLetter)
		}
	}
	return max(s.total, rest*samplesPerLetter)
}

// spread places words between starts[0], or zero, and the last of starts.
func spread(words []string, starts []media.Samples) {
	if starts[0] == unplaced {
		starts[0] = 0
	}
	all, before := media.Samples(0), media.Samples(0)
	for _, w := range words {
		all += letters(w)
	}
	first, span := starts[0], starts[len(words)]-starts[0]
	for i, w := range words {
		starts[i] = first + span*before/all
		before += letters(w)
	}
}

// letters is a word's length for sharing time, with the gap after it.
func letters(word string) media.Samples {
	return media.Samples(utf8.RuneCountInString(word) + 1)
}

// pair joins a word of the text and a mark of the engine, by index.
type pair struct{ word, mark int }

// common pairs words and marks by their longest common subsequence.
func common(words []string, marks []media.Word) []pair {
	if len(marks) == 0 {
		return nil
	}
	said, marked := make([]string, len(words)), make([]string, len(marks))
	for i, w := range words {
		said[i] = bare(w)
	}
	for j, m := range marks {
		marked[j] = bare(m.Text)
	}
	// length[i][j] is the longest common subsequence of said[i:] and marked[j:].
	length := make([][]int, len(said)+1)
	for i := range length {
		length[i] = make([]int, len(marked)+1)
	}
	for i := len(said) - 1; i >= 0; i-- {
		for j := len(marked) - 1; j >= 0; j-- {
			if said[i] == marked[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var pairs []pair
	for i, j := 0, 0; i < len(said) && j < len(marked); {
		switch {
		case said[i] == marked[j]:
			pairs = append(pairs, pair{i, j})
			i++
			j++
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}

// bare is a word without case and punctuation.
func bare(word string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, word)
}
