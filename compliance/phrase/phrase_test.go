package phrase

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Don’t call me — EVER!":     "dont call me ever",
		"¡No me llame más, señor!":  "no me llame mas senor",
		"Hören Sie auf, großartig.": "horen sie auf grossartig",
		"N'appelez plus":            "nappelez plus",
		"  ":                        "",
		"press 9":                   "press 9",
	} {
		if got := strings.Join(Said(text), " "); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, except, said string
		from, to              int // 0, 0: not found
	}{
		{"stop calling", "", "please stop calling now", 1, 3},
		{"stop|quit calling", "", "quit calling", 0, 2},
		{"stop all? calls", "", "stop calls", 0, 2},
		{"stop all? calls", "", "stop all calls", 0, 3},
		{"take * off", "", "take me off", 0, 3},
		{"take * off", "", "take off", 0, 2},
		{"take * off", "", "take one two three off", 0, 5},
		{"take * off", "", "take one two three four off", 0, 0},
		{"^ stop $", "", "stop", 0, 1},
		{"^ stop $", "", "please stop", 0, 0},
		{"^ stop $", "", "stop it", 0, 0},
		{"stop calling", "never stop", "never stop calling", 0, 0},
		{"stop calling", "never stop", "never stop it and stop calling", 4, 6},
		{"stop", "", "s*top $ ^ stop?", 2, 3},
	} {
		list, err := Parse(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		var except []Pattern
		if c.except != "" {
			p, err := Parse(c.except)
			if err != nil {
				t.Fatal(err)
			}
			except = append(except, p)
		}
		hit, ok := Find(Said(c.said), []Pattern{list}, except)
		if ok != (c.to > 0) || hit.From != c.from || hit.To != c.to {
			t.Errorf("%q in %q: %+v %v, want %d to %d", c.pattern, c.said, hit, ok, c.from, c.to)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "*", "a?", "^ $", "a||b", "|", "st*op", "a?b"} {
		if p, err := Parse(text); err == nil {
			t.Errorf("%q is read as %+v", text, p)
		}
	}
}

func TestAPhraseFindsItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,6}`), 1, 5).Draw(t, "words")
		before := rapid.SliceOfN(rapid.StringMatching(`[A-Z]{1,6}`), 0, 5).Draw(t, "before")
		p, err := Parse(strings.Join(words, " "))
		if err != nil {
			t.Fatal(err)
		}
		hit, ok := Find(Said(strings.Join(slices.Concat(before, words, before), " ")), []Pattern{p}, nil)
		if !ok || hit.To-hit.From != len(words) {
			t.Fatalf("%v %v", hit, ok)
		}
	})
}

func FuzzFind(f *testing.F) {
	f.Add("take * off|from a? list", "take me off your list")
	f.Fuzz(func(_ *testing.T, pattern, said string) {
		if p, err := Parse(pattern); err == nil && len(pattern) < 60 && len(said) < 200 {
			Find(Said(said), []Pattern{p}, []Pattern{p})
		}
	})
}
