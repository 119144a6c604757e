package script

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func slotOf(t testing.TB, name string) *slotPlan {
	t.Helper()
	slots := load(t).slots
	i := slices.IndexFunc(slots, func(s *slotPlan) bool { return s.name == name })
	if i < 0 {
		t.Fatalf("no slot %q", name)
	}
	return slots[i]
}

// found words what a slot made of an utterance.
func found(s *slotPlan, heard string, how manner) string {
	v, ok := s.find(fold(heard), how)
	switch {
	case !ok:
		return ""
	case v.refused:
		return v.text + " (refused)"
	default:
		return v.text
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	s := slotOf(t, "time")
	for _, c := range []struct{ heard, want string }{
		{"ten thirty", "ten thirty in the morning"},
		{"ten thirty in the morning", "ten thirty in the morning"},
		{"half past ten", "ten thirty in the morning"},
		{"half ten", "ten thirty in the morning"},
		{"at half past two please", "two thirty in the afternoon"},
		{"quarter to nine", "eight forty five in the morning (refused)"},
		{"a quarter to ten", "nine forty five in the morning"},
		{"quarter past three", "three fifteen in the afternoon"},
		{"ten past eleven", "eleven ten in the morning"},
		{"twenty five to four", "three thirty five in the afternoon"},
		{"five minutes past two", "two oh five in the afternoon"},
		{"three in the afternoon", "three in the afternoon"},
		{"on wednesday at three in the afternoon", "three in the afternoon"},
		{"three", "three in the afternoon"},
		{"at three", "three in the afternoon"},
		{"at for", "four in the afternoon"},
		{"at two o'clock", "two in the afternoon"},
		{"nine", "nine in the morning"},
		{"nine a m", "nine in the morning"},
		{"nine am", "nine in the morning"},
		{"3 p.m.", "three in the afternoon"},
		{"3pm", "three in the afternoon"},
		{"10:30", "ten thirty in the morning"},
		{"14:15", "two fifteen in the afternoon"},
		{"fourteen fifteen", "two fifteen in the afternoon"},
		{"noon", "noon"},
		{"twelve", "noon"},
		{"twelve thirty", "twelve thirty in the afternoon"},
		{"in the after noon at one", "one in the afternoon"},
		{"ten oh five", "ten oh five in the morning"},
		{"maybe around eleven", "eleven in the morning"},
		{"five in the morning", "five in the morning (refused)"},
		{"seven in the evening", "seven in the evening (refused)"},
		{"eight", "eight in the morning (refused)"},
		{"", ""},
		{"i do not know", ""},
		{"tuesday", ""},
		{"thirty", ""},
		{"99:99", ""},
	} {
		if got := found(s, c.heard, answering); got != c.want {
			t.Errorf("%q is %q, want %q", c.heard, got, c.want)
		}
	}
	for _, heard := range []string{"three", "for two people", "i have one question", "ten"} {
		if got := found(s, heard, volunteered); got != "" {
			t.Errorf("%q, unasked, is %q; a bare number is no time", heard, got)
		}
	}
}

// Every time is understood as it is said.
func TestTimesSaidAreUnderstood(t *testing.T) {
	t.Parallel()
	s := &slotPlan{kind: kindTime, from: 0, to: 24*60 - 1}
	for at := clockTime(0); at <= s.to; at++ {
		if at.say() == "midnight" {
			continue
		}
		if at < 60 {
			continue // nobody says "twelve oh five in the morning" of an office
		}
		if got := found(s, at.say(), answering); got != at.say() {
			t.Fatalf("%q is understood as %q", at.say(), got)
		}
	}
}

func TestDays(t *testing.T) {
	t.Parallel()
	s := slotOf(t, "day")
	for _, c := range []struct{ heard, want string }{
		{"tuesday", "Tuesday"},
		{"on wednesday at three", "Wednesday"},
		{"wednesdays", "Wednesday"},
		{"when's day", ""},
		{"fry day", "Friday"},
		{"choose day", ""},
		{"tuesdays", "Tuesday"},
		{"not tuesday wednesday", "Wednesday"},
		{"saturday", "Saturday (refused)"},
		{"tomorrow", ""},
		{"any day", ""},
		{"", ""},
	} {
		if got := found(s, c.heard, answering); got != c.want {
			t.Errorf("%q is %q, want %q", c.heard, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	s := slotOf(t, "name")
	for _, c := range []struct{ heard, asked, unasked string }{
		{"my name is john smith", "John Smith", "John Smith"},
		{"it's john smith", "John Smith", ""},
		{"john smith", "John Smith", ""},
		{"um john smith please", "John Smith", ""},
		{"yes this is mary jones speaking", "Mary Jones", ""},
		{"my name's o'neill", "O'neill", "O'neill"},
		{"jean-luc", "Jean Luc", ""},
		{"call me al", "Al", "Al"},
		{"yes", "", ""},
		{"no", "", ""},
		{"what do you need that for", "", ""},
		{"i would like to speak to someone", "", ""},
		{"", "", ""},
	} {
		if got := found(s, c.heard, answering); got != c.asked {
			t.Errorf("asked, %q is %q, want %q", c.heard, got, c.asked)
		}
		if got := found(s, c.heard, volunteered); got != c.unasked {
			t.Errorf("unasked, %q is %q, want %q", c.heard, got, c.unasked)
		}
	}
}

//nolint:dupword // digits repeat
func TestNumbersAndDigits(t *testing.T) {
	t.Parallel()
	number := &slotPlan{kind: kindNumber, min: 1, max: 2000}
	digits := &slotPlan{kind: kindDigits, min: 3, max: 8}
	for _, c := range []struct {
		s           *slotPlan
		heard, want string
	}{
		{number, "two of us", "two"},
		{number, "twenty five", "twenty five"},
		{number, "one hundred and five", "one hundred and five"},
		{number, "nineteen hundred", "nineteen"},
		{number, "one thousand two hundred", "one thousand two hundred"},
		{number, "3", "three"},
		{number, "5000", "five thousand (refused)"},
		{number, "none", ""},
		{digits, "five five five oh one two three", "five five five, zero one two three"},
		{digits, "double two four", "two two four"},
		{digits, "it is 555-1234", "five five five, one two three four"},
		{digits, "forty two seven", "four two seven"},
		{digits, "one two", "one two (refused)"},
		{digits, "triple nine", "nine nine nine"},
		{digits, "hello", ""},
	} {
		if got := found(c.s, c.heard, answering); got != c.want {
			t.Errorf("%q is %q, want %q", c.heard, got, c.want)
		}
	}
}

func TestNumbersSaidAreUnderstood(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 999_999).Draw(t, "n")
		words := strings.Fields(sayNumber(n))
		if got, took := cardinal(words); got != n || took != len(words) {
			t.Fatalf("%d is said %q and understood as %d from %d words", n, sayNumber(n), got, took)
		}
	})
}

func TestChoices(t *testing.T) {
	t.Parallel()
	s := &slotPlan{kind: kindChoice, options: []option{
		{"cleaning", newWords(fold("cleaning"))},
		{"cleaning", newWords(fold("a clean"))},
		{"check up", newWords(fold("check up"))},
	}}
	for heard, want := range map[string]string{
		"a cleaning please": "cleaning",
		"just a clean":      "cleaning",
		"clean in":          "cleaning",
		"a checkup":         "",
		"the check up":      "check up",
		"something else":    "",
	} {
		if got := found(s, heard, answering); got != want {
			t.Errorf("%q is %q, want %q", heard, got, want)
		}
	}
}

// Whatever is said, a value lies within the words.
func TestValuesLieWithinTheWords(t *testing.T) {
	t.Parallel()
	slots := load(t).slots
	vocabulary := append(strings.Fields("at past to half quarter a m p am oclock noon after morning oh double hundred thousand and my name is no not"),
		"ten", "thirty", "five", "10:30", "3pm", "tuesday", "fry", "day", "xyz", "'", "7")
	slots = append(slots, &slotPlan{kind: kindNumber}, &slotPlan{kind: kindDigits})
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SampledFrom(vocabulary), 0, 8).Draw(t, "words")
		for _, s := range slots {
			for _, how := range []manner{volunteered, answering} {
				v, ok := s.find(words, how)
				if ok && (v.from < 0 || v.to > len(words) || v.from >= v.to || v.text == "") {
					t.Fatalf("%s in %q is %s", s.kind, words, fmt.Sprintf("%+v", v))
				}
			}
		}
	})
}
