package distance

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		heard, said  string
		wrong, words int
	}{
		{"", "", 0, 0},
		{"", "a b", 2, 2},
		{"a b", "", 2, 0},
		{"when do you open", "when do you open", 0, 4},
		{"when you open", "when do you open", 1, 4},
		{"when do you do open", "when do you open", 1, 4},
		{"then do you close", "when do you open", 2, 4},
		{"b c d", "a b c", 2, 3},
	} {
		if wrong, words := Words(tc.heard, tc.said); wrong != tc.wrong || words != tc.words {
			t.Errorf("%q for %q: %d of %d, want %d of %d", tc.heard, tc.said, wrong, words, tc.wrong, tc.words)
		}
	}
}

// A distance is a metric.
func TestMetric(t *testing.T) {
	t.Parallel()
	word := rapid.SampledFrom([]string{"a", "b", "c"})
	words := rapid.OneOf(rapid.SliceOfN(word, 0, 8), rapid.SliceOfN(word, 60, 70))
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := words.Draw(t, "a"), words.Draw(t, "b"), words.Draw(t, "c")
		ab := Of(a, b)
		longer, shorter := max(len(a), len(b)), min(len(a), len(b))
		if ab != Of(b, a) || (ab == 0) != slices.Equal(a, b) || ab > Of(a, c)+Of(c, b) || ab > longer || ab < longer-shorter {
			t.Fatalf("%q to %q is %d", a, b, ab)
		}
	})
}
