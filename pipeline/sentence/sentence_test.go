package sentence

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"white space", " \n ", nil},
		{"one", "We open at nine.", []string{"We open at nine."}},
		{"two", "We open at nine. Anything else?", []string{"We open at nine.", "Anything else?"}},
		{"no mark", "We open at nine", []string{"We open at nine"}},
		{"decimals", "It costs $3.50 today. Fine?", []string{"It costs $3.50 today.", "Fine?"}},
		{"titles", "Dr. Reed and Mrs. Lane are in. Come!", []string{"Dr. Reed and Mrs. Lane are in.", "Come!"}},
		{"initials", "Ask for J. Reed. Bye.", []string{"Ask for J. Reed.", "Bye."}},
		{"a.m. inside", "From 9 a.m. to 5 p.m. on weekdays.", []string{"From 9 a.m. to 5 p.m. on weekdays."}},
		{"p.m. at the end", "We close at 5 p.m. Anything else?", []string{"We close at 5 p.m.", "Anything else?"}},
		{"number sign", "It is No. 7 on the left. No. Not that one.", []string{"It is No. 7 on the left.", "No.", "Not that one."}},
		{"quotes", `Say "stop." Then wait.`, []string{`Say "stop."`, "Then wait."}},
		{"dots", "Well... yes.", []string{"Well...", "yes."}},
		{"lines", "One\nTwo\n\nThree", []string{"One", "Two", "Three"}},
		{"early first clause", "Sure, I can look that up, and then I will call you back, if you like.", []string{
			"Sure, I can look that up,", "and then I will call you back, if you like.",
		}},
		{"long clause", "Hello there. One two three four five six seven eight nine ten eleven twelve, thirteen fourteen.", []string{
			"Hello there.", "One two three four five six seven eight nine ten eleven twelve,", "thirteen fourteen.",
		}},
		{"endless", strings.Repeat("word ", 65), []string{
			strings.TrimSpace(strings.Repeat("word ", 30)), strings.TrimSpace(strings.Repeat("word ", 30)), strings.TrimSpace(strings.Repeat("word ", 5)),
		}},
	} {
		var s Splitter
		got := append(s.Push(tt.text), s.Flush()...)
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

// A sentence is given out with the white space behind it, and one that may go
// on with the first letter of the next.
func TestPushIsPrompt(t *testing.T) {
	t.Parallel()
	var s Splitter
	for _, step := range []struct {
		text string
		want []string
	}{
		{"We close at 5 p.m.", nil},
		{" ", nil},
		{"A", []string{"We close at 5 p.m."}},
		{"nything else?", nil},
		{" ", []string{"Anything else?"}},
	} {
		if d := cmp.Diff(step.want, s.Push(step.text)); d != "" {
			t.Errorf("after %q: %s", step.text, d)
		}
	}
}

// However the stream is cut, the pieces are the same and no word is lost.
func TestSplitLosesNothing(t *testing.T) {
	t.Parallel()
	words := rapid.SampledFrom([]string{"We", "open", "at", "9", "a.m.", "Dr.", "No.", "7", "3.50", "yes,", "sure;", "Sunday.", "what?", "\"ok.\"", "...", "ü.", "\n", "…"})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(words, 0, 80).Draw(t, "words"), " ")
		var whole Splitter
		want := append(whole.Push(text), whole.Flush()...)
		if got := strings.Join(want, " "); got != strings.Join(strings.Fields(text), " ") {
			t.Fatalf("lost words: %q became %q", text, got)
		}
		var cut Splitter
		var got []string
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			got = append(got, cut.Push(rest[:n])...)
			rest = rest[n:]
		}
		got = append(got, cut.Flush()...)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("cut otherwise: %s", d)
		}
	})
}

func FuzzSplit(f *testing.F) {
	f.Add("We open at 9 a.m. Call Dr. Reed, please. It is $3.50!")
	f.Add("\xff. \x00 …\n")
	f.Fuzz(func(t *testing.T, text string) {
		var s Splitter
		got := strings.Join(append(s.Push(text), s.Flush()...), " ")
		if want := strings.Join(strings.Fields(text), " "); got != want {
			t.Errorf("%q became %q", text, got)
		}
	})
}
