// Package distance counts in how much two sequences differ: what a recogniser
// heard wrong, what a person misspelt. It is pure.
package distance

import "strings"

// Of is the least number of insertions, deletions and substitutions that make
// one sequence of words, of sounds or of letters the other (Levenshtein).
func Of[E comparable](heard, said []E) int {
	var short [64]int // room for words of usual length without an allocation
	row := short[:0]  // of what was heard so far from the first j elements
	for j := range len(said) + 1 {
		row = append(row, j)
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
