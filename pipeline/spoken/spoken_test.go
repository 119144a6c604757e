package spoken_test

import (
	"bufio"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"trunkline/pipeline/sentence"
	"trunkline/pipeline/spoken"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// rows reads a table of written and spoken forms.
func rows(t testing.TB) [][2]string {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "english.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all [][2]string
	for scan := bufio.NewScanner(f); scan.Scan(); {
		if written, said, found := strings.Cut(scan.Text(), "\t"); found { // else a heading
			all = append(all, [2]string{written, said})
		}
	}

	return all
}

func TestEnglish(t *testing.T) {
	t.Parallel()
	all := rows(t)
	if len(all) < 150 {
		t.Fatalf("the table has %d rows", len(all))
	}
	for _, row := range all {
		if got := spoken.One("en-US", row[0]).Spoken(); got != row[1] {
			t.Errorf("%q\n got %q\nwant %q", row[0], got, row[1])
		}
	}
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ language, written, want string }{
		"no language is American":     {"", "On 3/4/2026.", "On March fourth, twenty twenty six."},
		"British days come first":     {"en-GB", "On 3/4/2026.", "On April third, twenty twenty six."},
		"a day that can be one only":  {"en-US", "On 21/11/2026.", "On November twenty first, twenty twenty six."},
		"others keep their numbers":   {"de-DE", "**Das** kostet 5 € 😀", "Das kostet 5"},
		"and code is left out anyhow": {"fr", "Voici {\"a\": 1} `x=1` bien.", "Voici bien."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := spoken.One(tt.language, tt.written).Spoken(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestReplies reads whole replies as they stream, and compares what is said
// and what the history would hold with golden files.
func TestReplies(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "replies", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no replies: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var split sentence.Splitter
			pieces := append(split.Push(string(src)), split.Flush()...)
			r := spoken.New("en-US")
			var got strings.Builder
			for _, p := range pieces {
				text := r.Read(p)
				if text.Spoken() != "" {
					got.WriteString("said    " + text.Spoken() + "\nwritten " + text.Written() + "\n")
				}
			}
			golden := strings.TrimSuffix(file, ".txt") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got.String(), want)
			}
		})
	}
}

func TestHeard(t *testing.T) {
	t.Parallel()
	const written = "It costs **$25.50**, so call 555-1234 by 5pm. 😀"
	text := spoken.One("en-US", written)
	const said = "It costs twenty five dollars and fifty cents, so call five five five, one two three four by five P M."
	if text.Spoken() != said {
		t.Fatalf("said %q", text.Spoken())
	}
	for heard, want := range map[string]string{
		"":                     "",
		"It":                   "It",
		"It costs":             "It costs",
		"It costs twenty five": "It costs twenty five",
		"It costs twenty five dollars and fifty cents,":                                            "It costs $25.50,",
		"It costs twenty five dollars and fifty cents, so":                                         "It costs $25.50, so",
		"It costs twenty five dollars and fifty cents, so call five five":                          "It costs $25.50, so call five five",
		"It costs twenty five dollars and fifty cents, so call five five five, one two three four": "It costs $25.50, so call 555-1234",
		said:             "It costs $25.50, so call 555-1234 by 5pm.",
		"something else": "something else",
	} {
		if got := text.Heard(heard); got != want {
			t.Errorf("heard %q\n got %q\nwant %q", heard, got, want)
		}
	}
}

func TestScript(t *testing.T) {
	t.Parallel()
	r := spoken.New("en-US")
	var s spoken.Script
	for _, p := range []string{"It costs $5.", "Call 911.", "Bye."} {
		s.Add(r.Read(p))
	}
	if got := s.Written(); got != "It costs $5. Call 911. Bye." {
		t.Errorf("written %q", got)
	}
	for heard, want := range map[string]string{
		"It costs five dollars.":                         "It costs $5.",
		"It costs five dollars. Call nine one":           "It costs $5. Call nine one",
		"It costs five dollars. Call nine one one. Bye.": "It costs $5. Call 911. Bye.",
		"It costs five Bye.":                             "It costs five Bye.", // the first one's voice failed
	} {
		if got := s.Heard(heard); got != want {
			t.Errorf("heard %q: got %q, want %q", heard, got, want)
		}
	}
}

// misread reports what a voice must not be given.
func misread(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsMark(r) && !strings.ContainsRune(" .,?!;:'-", r)
}

// check holds for any text in any pieces.
func check(t interface {
	Fatalf(format string, args ...any)
}, r *spoken.Reader, piece string,
) {
	text := r.Read(piece)
	said := text.Spoken()
	if i := strings.IndexFunc(said, misread); i >= 0 {
		t.Fatalf("%q is said as %q, which has %q", piece, said, said[i:])
	}
	if said != strings.Join(strings.Fields(said), " ") {
		t.Fatalf("%q is said as %q, with more than single spaces", piece, said)
	}
	if got := text.Heard(said); got != text.Written() {
		t.Fatalf("%q: all was heard, and is told as %q instead of %q", piece, got, text.Written())
	}
	words := strings.Fields(said)
	for n := range words[:min(len(words), 60)] {
		heard := strings.Join(words[:n], " ")
		if told := text.Heard(heard); told == "" != (heard == "") {
			t.Fatalf("%q: heard %q, told %q", piece, heard, told)
		}
	}
}

func TestAnyTextIsSayable(t *testing.T) {
	t.Parallel()
	parts := []string{
		"$5", "1/2", "**", "`", "```", "{\"a\": 1}", "{", "}", "[x](y)", "<b>", "<think>", "12:30", "pm", "2026-11-21", "Dr.", "555-1234",
		"a@b.co", "https://x.y/z", "#", "|", "-", "—", "😀", "½", "٣", "IV", "FBI", "word", "Word.", "(", ")", "5'10\"", "%", "1,2,3", "0", "\n", "999999999999999999999",
	}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom(parts)).Draw(t, "parts"), rapid.SampledFrom([]string{"", " "}).Draw(t, "between"))
		r := spoken.New(rapid.SampledFrom([]string{"en-US", "en-GB"}).Draw(t, "language"))
		var split sentence.Splitter
		for _, p := range append(split.Push(text), split.Flush()...) {
			check(t, r, p)
		}
	})
}

func FuzzRead(f *testing.F) {
	for _, row := range rows(f) {
		f.Add(row[0])
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := spoken.New("en-US")
		var split sentence.Splitter
		for _, p := range append(split.Push(text), split.Flush()...) {
			check(t, r, p)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	for b.Loop() {
		spoken.One("en-US", "Your appointment with Dr. Reed is on Nov 21st at 9:30 am, and it costs $25.50.")
	}
}
