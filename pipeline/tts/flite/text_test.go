package flite

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestPlainSpellsInASCII(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Hello,":       "Hello,",
		"café":         "cafe",
		"Søren":        "Soren",
		"Großstraße":   "Grossstrasse",
		"it’s":         "it's",
		"“quoted”":     "quoted",
		"**bold**":     "bold",
		"<b>":          "b",
		"R&D":          "RandD",
		"a_b":          "a b",
		"me@home.org":  "me at home.org",
		"日本":           "",
		"\x00\x07bell": "bell",
		"5€":           "5euro",
		"🙂":            "",
		"\xff\xfe":     "",
	} {
		if got := plain(in); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSplitKeepsSentencesTogether(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("This sentence is about fifty letters long, or more. ", 9)
	pieces := split(long)
	if len(pieces) < 3 {
		t.Fatalf("%d pieces, want several", len(pieces))
	}
	for _, p := range pieces {
		if !strings.HasSuffix(p.plain, "more.") || len(p.plain) > maxPiece {
			t.Errorf("piece %q (%d bytes) does not end with its sentence", p.plain, len(p.plain))
		}
	}
}

func TestSplitOfNothingToSayIsEmpty(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "   ", "\n\t", "- ... ?!", "日本", "\x00", "****"} {
		if p := split(text); len(p) != 0 {
			t.Errorf("split(%q) = %+v, want nothing", text, p)
		}
	}
}

// The shaper gives every word of the text back, in order, however the engine
// cuts it into tokens.
func TestWordsAreThoseOfTheText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		marks []mark
		want  []string
	}{
		{"We are open.", []mark{{3, 0.2}, {7, 0.3}, {12, 0.5}}, []string{"We", "are", "open."}},
		{"10:30 - on Tuesday", []mark{{6, 0.2}, {11, 1}, {18, 1.2}}, []string{"10:30 -", "on", "Tuesday"}},
		{"- first", []mark{{7, 0.2}}, []string{"- first"}},
		{"日本 is far", []mark{{3, 0.2}, {6, 0.4}}, []string{"日本 is", "far"}},
		{"how far 日本 is", []mark{{4, 0.2}, {8, 0.4}, {10, 0.6}}, []string{"how", "far 日本", "is"}},
	} {
		p := split(c.text)[0]
		s := shaper{marks: c.marks}
		var got []string
		for _, w := range s.span(p.fields, 0.2, 2) {
			got = append(got, w.Text)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q as %q (-want +got):\n%s", c.text, p.plain, diff)
		}
	}
}

func TestLimitBendsPeaksAndLeavesSpeech(t *testing.T) {
	t.Parallel()
	last := int16(-1)
	for v := float32(0); v < 400000; v += 100 {
		got := limit(v)
		if v <= knee && got != int16(v) {
			t.Fatalf("limit(%v) = %d; below the knee nothing changes", v, got)
		}
		if got < last || got > 32000 {
			t.Fatalf("limit(%v) = %d after %d; it must rise, to 32000 at most", v, got, last)
		}
		if neg := limit(-v); neg != -got {
			t.Fatalf("limit(%v) = %d, limit(%v) = %d; it must be even-handed", v, got, -v, neg)
		}
		last = got
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{
		"We are open from nine to five.", "", "10:30 - on Tuesday", "café 日本 \x00\xff", strings.Repeat("x", 5000),
		strings.Repeat("word ", 900), "<speak>hi</speak>", "a & b @ c", strings.Repeat("@", 300),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range split(text) {
			if len(p.plain) > maxPiece {
				t.Errorf("a piece has %d bytes, more than %d", len(p.plain), maxPiece)
			}
			if i := strings.IndexFunc(p.plain, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 || !utf8.ValidString(p.plain) {
				t.Errorf("piece %q is not printable ASCII", p.plain)
			}
			at := -1
			for _, f := range p.fields {
				if f.at < at || f.at > len(p.plain)+1 {
					t.Errorf("field %+v is out of order in %q", f, p.plain)
				}
				at = f.at
			}
		}
	})
}
