package ngram

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
)

// The marks that stand before and after each phrase.
const (
	begin = "<s>"
	end   = "</s>"
)

// order is the longest n-gram.
const order = 3

// A Model counts phrases. The zero value is empty and ready to use. It is not
// safe for concurrent use.
type Model struct {
	// contexts holds, for each history of up to order-1 words (joined by
	// spaces), what followed it.
	contexts [order]map[string]*context
}

// context is one history and what followed it.
type context struct {
	total float64
	next  map[string]float64
}

// Add counts one phrase, as if it had been heard weight times; weight is
// above zero. Empty phrases are ignored.
func (m *Model) Add(words []string, weight float64) {
	if len(words) == 0 {
		return
	}
	line := slices.Concat([]string{begin}, words, []string{end})
	for i := 1; i < len(line); i++ {
		for n := range min(i, order-1) + 1 {
			m.count(line[i-n:i], line[i], weight)
		}
	}
}

func (m *Model) count(history []string, word string, weight float64) {
	contexts := &m.contexts[len(history)]
	if *contexts == nil {
		*contexts = map[string]*context{}
	}
	key := strings.Join(history, " ")
	c := (*contexts)[key]
	if c == nil {
		c = &context{next: map[string]float64{}}
		(*contexts)[key] = c
	}
	c.total += weight
	c.next[word] += weight
}

// Vocabulary lists the words counted, sorted, without the phrase marks.
func (m *Model) Vocabulary() []string {
	root := m.contexts[0][""]
	if root == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(root.next)), func(word string) bool { return word == end })
}

// prob is the Witten-Bell probability of word after history: the relative
// frequency and the shorter history's probability, weighted by how often this
// history was followed by something and by how many different words.
func (m *Model) prob(history []string, word string) float64 {
	c := m.contexts[len(history)][strings.Join(history, " ")]
	var shorter float64
	if len(history) == 0 {
		shorter = 1 / float64(len(c.next))
	} else {
		shorter = m.prob(history[1:], word)
	}
	if c == nil {
		return shorter
	}
	kinds := float64(len(c.next))
	return (c.next[word] + kinds*shorter) / (c.total + kinds)
}

// backoff is the weight of the shorter history's probability for words that
// never followed history.
func (m *Model) backoff(history []string) (float64, bool) {
	if len(history) >= order {
		return 0, false
	}
	c := m.contexts[len(history)][strings.Join(history, " ")]
	if c == nil {
		return 0, false
	}
	kinds := float64(len(c.next))
	return kinds / (c.total + kinds), true
}

// WriteARPA writes the model in ARPA form, sorted. An empty model is an error.
func (m *Model) WriteARPA(w io.Writer) error {
	if m.contexts[0][""] == nil {
		return fmt.Errorf("ngram: no phrase was added")
	}
	var grams [order][][]string
	grams[0] = append(grams[0], []string{begin})
	for n := range order {
		for key, c := range m.contexts[n] {
			history := strings.Fields(key)
			for word := range c.next {
				grams[n] = append(grams[n], append(slices.Clone(history), word))
			}
		}
		slices.SortFunc(grams[n], slices.Compare)
	}

	out := bufio.NewWriter(w)
	fmt.Fprint(out, "\\data\\\n")
	for n := range order {
		fmt.Fprintf(out, "ngram %d=%d\n", n+1, len(grams[n]))
	}
	for n := range order {
		fmt.Fprintf(out, "\n\\%d-grams:\n", n+1)
		for _, gram := range grams[n] {
			logProb := -99.0 // the opening mark is never predicted
			if gram[n] != begin {
				logProb = math.Log10(m.prob(gram[:n], gram[n]))
			}
			fmt.Fprintf(out, "%.4f\t%s", logProb, strings.Join(gram, " "))
			if weight, ok := m.backoff(gram); ok {
				fmt.Fprintf(out, "\t%.4f", math.Log10(weight))
			}
			fmt.Fprint(out, "\n")
		}
	}
	fmt.Fprint(out, "\n\\end\\\n")
	if err := out.Flush(); err != nil {
		return fmt.Errorf("ngram: write model: %w", err)
	}
	return nil
}
