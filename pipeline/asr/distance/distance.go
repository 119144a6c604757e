// Package distance counts what was heard wrong. Measurements and tests of
// recognisers use it; it is pure.
package distance

import "strings"

// Of is the least number of insertions, deletions and substitutions that make
// one sequence of words, or of sounds, the other (Levenshtein).
func Of(heard, said []string) int {
	row := make([]int, len(said)+1) // of what was heard so far from the first j words
	for j := range row {
		row[j] = j
	}
	for i := range heard {
		diagonal := row[0]
		row[0] = i + 1
		for j := range said {
			cost := diagonal
			if heard[i] != said[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}

	return row[len(said)]
}

// Words is Of for sentences, and how many words were said: the word error rate
// is the one by the other, summed over many sentences.
func Words(heard, said string) (wrong, words int) {
	s := strings.Fields(said)

	return Of(strings.Fields(heard), s), len(s)
}
