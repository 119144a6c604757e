package lexicon

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Entry is one pronunciation of a word.
type Entry struct {
	Word   string // as in the dictionary: further pronunciations end in "(2)", "(3)"
	Phones string
}

// Select reads a Sphinx dictionary (one "word phones" line per pronunciation)
// and returns the entries of words in the dictionary's order, and the words
// that it lacks, sorted.
func Select(dictionary io.Reader, words []string) (entries []Entry, missing []string, err error) {
	wanted := make(map[string]bool, len(words)) // value: found
	for _, word := range words {
		wanted[word] = false
	}
	scanner := bufio.NewScanner(dictionary)
	for scanner.Scan() {
		word, phones, ok := strings.Cut(scanner.Text(), " ")
		if !ok {
			continue
		}
		base, _, _ := strings.Cut(word, "(")
		if _, ok := wanted[base]; !ok {
			continue
		}
		wanted[base] = true
		entries = append(entries, Entry{Word: word, Phones: strings.TrimSpace(phones)})
	}
	if err := scanner.Err(); err != nil {
		return nil, nil, fmt.Errorf("lexicon: read dictionary: %w", err)
	}
	for word, found := range wanted {
		if !found {
			missing = append(missing, word)
		}
	}
	slices.Sort(missing)
	return entries, missing, nil
}

// Write writes entries as a Sphinx dictionary.
func Write(w io.Writer, entries []Entry) error {
	out := bufio.NewWriter(w)
	for _, e := range entries {
		fmt.Fprintf(out, "%s %s\n", e.Word, e.Phones)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("lexicon: write dictionary: %w", err)
	}
	return nil
}
