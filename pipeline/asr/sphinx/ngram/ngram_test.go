package ngram

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for phrase, want := range map[string][]string{
		"What are your opening hours?": {"what", "are", "your", "opening", "hours"},
		"I'd like to -- er, book":      {"i'd", "like", "to", "er", "book"},
		"it’s o'clock":                 {"it's", "o'clock"},
		"walk-in 'quoted'":             {"walk", "in", "quoted"},
		" ?! ' ":                       nil,
	} {
		if diff := cmp.Diff(want, slices.Clip(Words(phrase)), cmp.Transformer("empty", func(s []string) string { return strings.Join(s, "|") })); diff != "" {
			t.Errorf("%q: %s", phrase, diff)
		}
	}
}

func TestWriteARPA(t *testing.T) {
	t.Parallel()
	var m Model
	m.Add([]string{"yes"}, 1)
	m.Add([]string{"yes", "please"}, 1)
	m.Add(nil, 1)
	var got strings.Builder
	if err := m.WriteARPA(&got); err != nil {
		t.Fatal(err)
	}
	// By hand: P(yes) = (2 + 3/3) / (5 + 3), P(yes after <s>) = (2 + P(yes)) / (2 + 1), and so on.
	const want = `\data\
ngram 1=4
ngram 2=4
ngram 3=3

\1-grams:
-0.4260	</s>
-99.0000	<s>	-0.4771
-0.6021	please	-0.3010
-0.4260	yes	-0.3010

\2-grams:
-0.1015	<s> yes	-0.3010
-0.1627	please </s>
-0.3590	yes </s>
-0.4260	yes please	-0.3010

\3-grams:
-0.3291	<s> yes </s>
-0.3590	<s> yes please
-0.0738	yes please </s>
`
	if diff := cmp.Diff(want+"\n\\end\\\n", got.String()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"please", "yes"}, m.Vocabulary()); diff != "" {
		t.Error(diff)
	}
}

func TestWriteARPAEmpty(t *testing.T) {
	t.Parallel()
	var m Model
	if err := m.WriteARPA(&bytes.Buffer{}); err == nil {
		t.Error("an empty model was written")
	}
	if words := m.Vocabulary(); len(words) != 0 {
		t.Errorf("an empty model knows %v", words)
	}
}

// Whatever was counted, the words that may follow any history have
// probabilities that sum to one, both as computed and as a decoder reads them
// from the file, backing off.
func TestProbabilitiesSumToOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var m Model
		word := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})
		for range rapid.IntRange(1, 12).Draw(t, "phrases") {
			m.Add(rapid.SliceOfN(word, 1, 6).Draw(t, "phrase"), rapid.Float64Range(0.1, 9).Draw(t, "weight"))
		}
		var text bytes.Buffer
		if err := m.WriteARPA(&text); err != nil {
			t.Fatal(err)
		}
		arpa := readARPA(t, text.String())
		words := append(m.Vocabulary(), end)
		for n := range order {
			for key := range m.contexts[n] {
				history := strings.Fields(key)
				var computed, read float64
				for _, w := range words {
					computed += m.prob(history, w)
					read += arpa.prob(history, w)
				}
				if math.Abs(computed-1) > 1e-9 || math.Abs(read-1) > 2e-3 {
					t.Errorf("after %q: %g computed, %g read, want 1", key, computed, read)
				}
			}
		}
	})
}

// arpa is an ARPA file as a decoder sees it.
type arpa map[string][2]float64 // log10 probability and log10 backoff weight

func readARPA(t *rapid.T, text string) arpa {
	a := arpa{}
	for line := range strings.Lines(text) {
		columns := strings.Split(strings.TrimSpace(line), "\t")
		if len(columns) < 2 {
			continue
		}
		var entry [2]float64
		for i, column := range []int{0, 2} {
			if column < len(columns) {
				v, err := strconv.ParseFloat(columns[column], 64)
				if err != nil {
					t.Fatal(err)
				}
				entry[i] = v
			}
		}
		a[columns[1]] = entry
	}
	return a
}

func (a arpa) prob(history []string, word string) float64 {
	if entry, ok := a[strings.Join(append(slices.Clone(history), word), " ")]; ok {
		return math.Pow(10, entry[0])
	}
	return math.Pow(10, a[strings.Join(history, " ")][1]) * a.prob(history[1:], word)
}
