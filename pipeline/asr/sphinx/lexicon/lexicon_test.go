package lexicon

import (
	"os"
	"strings"
	"testing"

	"trunkline/pipeline/asr/distance"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSelect(t *testing.T) {
	t.Parallel()
	const dictionary = "a AH\na(2) EY\nabout AH B AW T\n\nbroken\nyes Y EH S\nzoo Z UW\n"
	entries, missing, err := Select(strings.NewReader(dictionary), []string{"yes", "a", "quux", "broken", "yes"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Entry{{"a", "AH"}, {"a(2)", "EY"}, {"yes", "Y EH S"}}, entries); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"broken", "quux"}, missing); diff != "" {
		t.Error(diff)
	}
	var out strings.Builder
	if err := Write(&out, entries); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("a AH\na(2) EY\nyes Y EH S\n", out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestGuess(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"smith":    "S M IH TH",
		"lake":     "L EY K",
		"kowalski": "K AW AE L S K IY",
		"green":    "G R IY N",
		"tom's":    "T AA M S",
		"phelan":   "F EH L AE N",
		"knight":   "N AY T",
	} {
		if got, ok := Guess(word); !ok || got != want {
			t.Errorf("%s: %q %v, want %q", word, got, ok, want)
		}
	}
	for _, word := range []string{"", "'", "10", "naïve", "bbc", "a1"} {
		if got, ok := Guess(word); ok {
			t.Errorf("%q is pronounced %q, want none", word, got)
		}
	}
}

// The phones of the acoustic model.
var phones = strings.Fields("AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH")

func TestGuessUsesKnownPhones(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, p := range phones {
		known[p] = true
	}
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-z]{1,12}`).Draw(t, "word")
		got, ok := Guess(word)
		if ok != (got != "") {
			t.Fatalf("%q: %q, %v", word, got, ok)
		}
		for _, p := range strings.Fields(got) {
			if !known[p] {
				t.Errorf("%q has the unknown phone %q", word, p)
			}
		}
	})
}

// How far the guess is off: the share of the installed dictionary's words of
// which every phone is right, and the phone errors.
func TestGuessAgainstDictionary(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict")
	if err != nil {
		t.Skip("Debian's pocketsphinx-en-us is not installed")
	}
	var words, errors, total int
	for line := range strings.Lines(string(data)) {
		word, want, _ := strings.Cut(strings.TrimSpace(line), " ")
		got, ok := Guess(word)
		if !ok || words%7 != 0 {
			words++
			continue
		}
		words++
		a, b := strings.Fields(got), strings.Fields(want)
		errors += distance.Of(a, b)
		total += len(b)
	}
	rate := float64(errors) / float64(total)
	t.Logf("%.1f %% of phones wrong", 100*rate)
	if rate > 0.40 {
		t.Errorf("%.1f %% of phones wrong, want under 40 %%", 100*rate)
	}
}
